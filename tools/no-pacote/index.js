// In the place of pacote, with its 86 packages: tap asks it for versions of plugins that are to be added, and for nothing else.
export default {
  packument () {
    throw new Error('`tap plugin add` looks for versions with pacote, which package.json overrides')
  }
}
