/** Dark or light: follows the system until the user chooses one here. */
import { computed, effect, signal } from '@preact/signals';

export type Theme = 'auto' | 'dark' | 'light';

const KEY = 'streamfs.theme';
const ORDER: readonly Theme[] = ['auto', 'dark', 'light'];

export const theme = signal<Theme>(known(localStorage.getItem(KEY)));

const system = matchMedia('(prefers-color-scheme: light)');
const systemIsLight = signal(system.matches);
system.addEventListener('change', () => {
  systemIsLight.value = system.matches;
});

/** The effective colour scheme: it is set as an attribute, which the styles use. */
export const colours = computed<Exclude<Theme, 'auto'>>(() => {
  if (theme.value !== 'auto') return theme.value;
  return systemIsLight.value ? 'light' : 'dark';
});

effect(() => {
  document.documentElement.dataset.theme = colours.value;
});

effect(() => {
  if (theme.value === 'auto') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, theme.value);
});

export function nextTheme(): void {
  theme.value = ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!;
}

function known(text: string | null): Theme {
  return text === 'dark' || text === 'light' ? text : 'auto';
}
