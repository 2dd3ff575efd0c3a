import { render } from 'preact'
import { Fleet } from './fleet.tsx'
import { follow } from './live.ts'

render(<Fleet />, document.getElementById('app')!)
follow()
