/** Arguments are held to their ranges before anything is sent: a wrong one is a TypeError that says what is right. */

export function checkWhole(name: string, value: number | undefined, least = 0): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= least)) {
    throw new TypeError(`invalid ${name}: ${value} is not a whole number of at least ${least}`);
  }
}

/** Of several options that exclude each other, at most one may be given. */
export function checkOnlyOne(options: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(options).filter((name) => options[name] !== undefined);
  if (given.length > 1) throw new TypeError(`${given.join(' and ')} exclude each other: give only one`);
}
