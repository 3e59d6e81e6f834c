/** One line of a column's menu. */

export interface MenuItem {
  label: string;
  run: () => void;
  checked?: boolean;
  disabled?: boolean;
  /** The shortcut that does the same. */
  keys?: string;
  /** A rule before it. */
  apart?: boolean;
}
