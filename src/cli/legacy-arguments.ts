/** The original server's flags have one dash (contract 84). They are turned into ours before anything is parsed. */

const FLAGS = ['addr', 'print-sample-config', 'version'] as const;

/** `-addr X`, `-addr=X`, `-print-sample-config` and `-version` with two dashes; all else, and all after `--`, as is. */
export function legacyArguments(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const options = end === -1 ? argv.length : end;
  return argv.map((argument, index) => {
    const isLegacy = FLAGS.some((flag) => argument === `-${flag}` || argument.startsWith(`-${flag}=`));
    return index < options && isLegacy ? `-${argument}` : argument;
  });
}
