// The simulator's: a test and a simulation want the same of a clock.
export { SimulatedClock as FakeClock } from '../../lib/simulator/clock.ts'
