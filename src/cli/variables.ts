/** The environment variables that the command line reads. */

export const VARIABLES = [
  { names: ['STREAMFS_URL'], meaning: 'the server, where --url is not given' },
  {
    names: ['STREAMFS_TOKEN'],
    meaning: 'a token to send as Authorization: Bearer, where --token-file is not given',
  },
  { names: ['STREAMFS_CA_FILE'], meaning: 'certificates by which servers are trusted, where --ca-file is not given' },
  { names: ['STREAMFS_CONFIG'], meaning: 'the configuration of serve, where --config is not given' },
  { names: ['PATH'], meaning: 'where serve looks whether streamfs can be typed, for the lines to try that it prints' },
  { names: ['SHELL'], meaning: 'the command of exec --tty has it as it is here' },
  {
    names: ['HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'ZDOTDIR'],
    meaning: 'where completion --install writes',
  },
  { names: ['NO_COLOR', 'TERM'], meaning: 'no colours where NO_COLOR is set or TERM is dumb' },
] as const;
