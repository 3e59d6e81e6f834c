/** What the card beside a point says. */

export interface TipRow {
  readonly label: string;
  readonly value: string;
  readonly strong?: boolean;
}

export interface TipText {
  readonly title: string;
  readonly rows: readonly TipRow[];
}
