/** The environment variables that the command line reads. */

export const VARIABLES = [
  { names: ['STREAMFS_URL'], meaning: 'the server, if --url is not given' },
  {
    names: ['STREAMFS_TOKEN'],
    meaning: 'a token to send as Authorization: Bearer, if --token-file is not given',
  },
  { names: ['STREAMFS_CA_FILE'], meaning: 'trusted certificates of servers, if --ca-file is not given' },
  { names: ['STREAMFS_CONFIG'], meaning: 'the configuration of serve, if --config is not given' },
  { names: ['PATH'], meaning: 'used by serve to find out whether the commands it prints can begin with streamfs' },
  { names: ['SHELL'], meaning: 'passed unchanged to the command of exec --tty' },
  {
    names: ['HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'ZDOTDIR'],
    meaning: 'where completion --install writes',
  },
  { names: ['NO_COLOR', 'TERM'], meaning: 'no colours if NO_COLOR is set or TERM is dumb' },
] as const;
