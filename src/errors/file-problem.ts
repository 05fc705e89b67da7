/** Why a file named by a user cannot be read or written, in words instead of a code of the system. */
export function fileProblem(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'the file does not exist',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  EACCES: 'permission denied',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its path has a loop of symbolic links',
  EROFS: 'its file system is read-only',
  ENOSPC: 'the disk is full',
};

/** The longest name that is shown in full, in characters: paths of files have at most 4095 bytes. */
const MAX_SHOWN = 200;

/** The name of a file in a message: in quotes if its ends would not be visible, and cut if it is very long. */
export function shownName(name: string): string {
  const cut = name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
  return /^[^\s\p{C}]$|^[^\s\p{C}][^\p{Cc}]*[^\s\p{C}]$/u.test(name) ? cut : JSON.stringify(cut);
}
