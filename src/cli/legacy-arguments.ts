/** AGFS flags have one dash (contract 84). They are converted to our flags before parsing. */

const FLAGS = ['addr', 'print-sample-config', 'version'] as const;

/**
 * Replaces `-addr X`, `-addr=X`, `-print-sample-config` and `-version` by the forms with two dashes. Everything else,
 * and everything after `--`, is unchanged.
 */
export function legacyArguments(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const options = end === -1 ? argv.length : end;
  return argv.map((argument, index) => {
    const isLegacy = FLAGS.some((flag) => argument === `-${flag}` || argument.startsWith(`-${flag}=`));
    return index < options && isLegacy ? `-${argument}` : argument;
  });
}
