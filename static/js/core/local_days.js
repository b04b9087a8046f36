// Calendar days of the reader's own time zone.

/** Return the local day of this second as "YYYY-MM-DD". @param {number} epoch */
export function isoDay(epoch) {
  const date = new Date(epoch * 1000);
  const month = String(date.getMonth() + 1).padStart(2, "0");
  return `${date.getFullYear()}-${month}-${String(date.getDate()).padStart(2, "0")}`;
}

/** Return the first second of a local day; where midnight is skipped, the first one after it. @param {string} day */
export const dayStart = (day) => new Date(`${day}T00:00:00`).getTime() / 1000;

/** Return the first second of the next day: days on which clocks change have 23 or 25 hours. @param {string} day */
export function dayEnd(day) {
  const noon = new Date(`${day}T12:00:00`);
  noon.setDate(noon.getDate() + 1);
  return dayStart(isoDay(noon.getTime() / 1000));
}
