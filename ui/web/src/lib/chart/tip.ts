/** What the card beside a point says. */

export interface TipRow {
  readonly label: string;
  readonly value: string;
  readonly strong?: boolean;
  /** Also on the small card of a point that is pinned, as what is strong is. */
  readonly kept?: boolean;
}

export interface TipText {
  readonly title: string;
  readonly rows: readonly TipRow[];
}
