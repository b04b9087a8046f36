// The ranges of scales, and lines with gaps.

/** @typedef {number | null | undefined} Value */

const MOST_DECIMALS = 4;

/**
 * Return a range that always contains zero and leaves a little air.
 * @param {unknown} _plot
 * @param {Value} low
 * @param {Value} high
 * @returns {[number, number]}
 */
export function withZero(_plot, low, high) {
  const min = Math.min(0, low ?? 0);
  const max = Math.max(0, high ?? 0);
  const air = Math.max((max - min) * 0.06, 0.05);
  return [min < 0 ? min - air : 0, max > 0 ? max + air : air];
}

/**
 * Return a range around these values with a little air, but none below zero.
 * @param {Value} low
 * @param {Value} high
 * @returns {[number, number]}
 */
export function around(low, high) {
  if (low === null || low === undefined || high === null || high === undefined) return [0, 1];
  const air = Math.max((high - low) * 0.08, 0.5);
  return [low === 0 ? 0 : low - air, high + air];
}

/** Return how many decimals tell one tick of an axis from the next. @param {number} step from tick to tick */
export function decimalsOf(step) {
  let decimals = 0;
  while (decimals < MOST_DECIMALS && Math.abs(step - Number(step.toFixed(decimals))) > step / 1000) decimals += 1;
  return decimals;
}

/**
 * Break the lines where points are further apart than a few buckets: a gap is shown as a gap.
 * @param {number[]} times
 * @param {Value[][]} columns
 * @param {number} bucket
 * @returns {[number[], ...Value[][]]}
 */
export function withGaps(times, columns, bucket) {
  /** @type {number[]} */
  const outTimes = [];
  /** @type {Value[][]} */
  const out = columns.map(() => []);
  for (const [index, at] of times.entries()) {
    if (index && at - times[index - 1] > bucket * 2.5) {
      outTimes.push(times[index - 1] + bucket);
      for (const column of out) column.push(null);
    }
    outTimes.push(at);
    for (const [position, column] of out.entries()) column.push(columns[position][index] ?? null);
  }
  return [outTimes, ...out];
}
