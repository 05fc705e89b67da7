/** The filter field above a list; `/` focuses it. */
export interface FilterFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

export function FilterField({ label, value, onChange }: FilterFieldProps) {
  return (
    <input
      type="search"
      data-search=""
      class="filter"
      placeholder="Filter   /"
      aria-label={label}
      value={value}
      onInput={(event) => onChange(event.currentTarget.value)}
    />
  );
}
