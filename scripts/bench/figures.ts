/** Figures of the benchmark, and their tables. */

export interface Figure {
  /** the row's name in `--only` */
  row: string;
  /** the servers' version of Node, e.g. `v26.0.0` */
  node: string;
  what: string;
  unit: string;
  /** values of the reference: one per round, or one in total */
  reference?: number[];
  memo: number[];
  /** memo / reference: the median over the rounds if both were measured in each, else of the medians */
  ratio?: number;
  target?: Target;
  reached?: boolean;
}

/** A limit for memo's median or for the ratio. */
export interface Target {
  of: 'memo' | 'ratio';
  least?: number;
  most?: number;
}

/** A figure without the names of its row and Node. */
export type RowFigure = Omit<Figure, 'row' | 'node'>;

/** A run of the benchmark: the content of its JSON file. */
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

/** Adds to a figure its ratio, and whether it reaches its target. */
export function figure({ target, ...measured }: Omit<RowFigure, 'ratio' | 'reached'>): RowFigure {
  const { reference, memo } = measured;
  const ratio = reference && ratioOf(memo, reference);
  const value = target?.of === 'ratio' ? ratio : median(memo);
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = target ?? {};
  return {
    ...measured,
    ...(Number.isFinite(ratio) && { ratio }), // 0 / 0 is no ratio
    ...(target && value !== undefined && { target, reached: value >= least && value <= most }),
  };
}

/** Compares round by round, because a machine is slower in some rounds than in others. */
function ratioOf(memo: number[], reference: number[]): number {
  if (memo.length !== reference.length) return median(memo) / median(reference);
  return median(memo.map((value, i) => value / reference[i]!));
}

export const median = (values: number[]) => percentile(values, 0.5);

/** @param part from 0 to 1; 0.5 is the median */
export function percentile(values: number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** Identifies a figure in different runs. */
const keyOf = ({ row, node, what, unit }: Figure) =>
  [row, node.split('.', 1)[0], what, unit].join('\n');

/** The columns of a table of figures. */
export const COLUMNS = ['what', 'unit', 'floor', 'memo', 'ratio', 'target', 'reached?'];

/** The cells of a figure, in the order of {@link COLUMNS}. */
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

/** A table of figures for a terminal. @param before the figures of an earlier run, for comparison */
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

/** Three significant digits; whole numbers keep all of theirs. */
function format(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
