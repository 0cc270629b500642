/** What was measured, and how it is shown. */

export interface Figure {
  /** the row's name, as `--only` takes it */
  row: string;
  /** the version of the Node that the servers ran on, as `v26.0.0` */
  node: string;
  what: string;
  unit: string;
  /** what memo is measured against, a value each round, or one */
  reference?: number[];
  memo: number[];
  /** memo to reference: the median of the rounds' own, where both were measured in the same rounds */
  ratio?: number;
  target?: Target;
  reached?: boolean;
}

/** A bound of memo's median, or of the ratio. */
export interface Target {
  of: 'memo' | 'ratio';
  least?: number;
  most?: number;
}

/** A row's figure: all but the row's name, and on which Node. */
export type RowFigure = Omit<Figure, 'row' | 'node'>;

/** A run of the benchmark, as it is written to its JSON file. */
export interface Run {
  date: string;
  commit: string;
  cpu: string | undefined;
  cores: number;
  memory: string;
  load: number;
  nodes: string[];
  redis: string;
  rounds: number;
  seconds: number;
  figures: Figure[];
}

/** A figure with its ratio and whether it reaches its target. */
export function figure({ target, ...measured }: Omit<RowFigure, 'ratio' | 'reached'>): RowFigure {
  const { reference, memo } = measured;
  const ratio = reference && ratioOf(memo, reference);
  const value = target?.of === 'ratio' ? ratio : median(memo);
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = target ?? {};
  return {
    ...measured,
    ...(Number.isFinite(ratio) && { ratio }), // nothing against nothing has none
    ...(target && value !== undefined && { target, reached: value >= least && value <= most }),
  };
}

/** Machines are slower in some rounds than in others: what ran side by side is compared. */
function ratioOf(memo: number[], reference: number[]): number {
  if (memo.length !== reference.length) return median(memo) / median(reference);
  return median(memo.map((value, i) => value / reference[i]!));
}

export const median = (values: number[]) => percentile(values, 0.5);

/** The smallest value that a part of all of them, from 0 to 1, does not exceed. */
export function percentile(values: number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** What is the same in all runs that measure it. */
const keyOf = ({ row, node, what, unit }: Figure) =>
  [row, node.split('.', 1)[0], what, unit].join('\n');

/** The columns of a table of figures, and its cells, a line for each figure. */
export const COLUMNS = ['what', 'unit', 'floor', 'memo', 'ratio', 'target', 'reached?'];

export function toCells({ what, unit, reference, memo, ratio, target, reached }: Figure): string[] {
  return [
    what,
    unit,
    reference ? format(median(reference)) : '',
    format(median(memo)),
    ratio === undefined ? '' : format(ratio),
    target ? formatTarget(target) : '',
    reached === undefined ? '' : reached ? 'yes' : 'NO',
  ];
}

/** All figures as one table; with those of another run, what has changed since. */
export function formatTable(figures: Figure[], before?: Figure[]): string {
  const head = before ? [...COLUMNS, 'before', 'now/before'] : COLUMNS;
  const lines = figures.map((it) => {
    const cells = toCells(it);
    if (!before) return cells;
    const old = before.find((other) => keyOf(other) === keyOf(it));
    if (!old) return [...cells, '', ''];
    return [...cells, format(median(old.memo)), format(median(it.memo) / median(old.memo))];
  });
  const table = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  return table
    .map((line) =>
      line
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function formatTarget({ of, least, most }: Target): string {
  const bound = least === undefined ? `≤ ${most}` : `≥ ${least}`;
  return of === 'ratio' ? `${bound} ×` : bound;
}

/** Three significant digits, and no fewer of a whole number. */
function format(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
