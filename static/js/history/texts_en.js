// What the history page says, in English. Nothing else on this page's cards is written elsewhere.

export const TEXTS = {
  ranges: {
    today: "Today",
    yesterday: "Yesterday",
    week: "Week",
    month: "Month",
    year: "Year",
    all: "All",
    "1h": "1 h",
    "6h": "6 h",
    "1d": "24 h",
    "7d": "7 d",
    "30d": "30 d",
    "90d": "90 d",
    "1y": "1 y",
  },
  titles: {
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "1d": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "1y": "Last 12 months",
  },
  titleOfAll: (/** @type {string} */ first) => `Everything since ${first}`,
  titleOfWeek: (/** @type {number} */ number, /** @type {string} */ days) => `Week ${number}, ${days}`,
  zone: (/** @type {string} */ name) => `Times and days are those of the house (${name}).`,
  energyIn: (/** @type {string} */ title) => `Energy: ${title}`,
  energies: {
    solar: "Solar",
    home: "Home",
    grid_import: "Bought",
    grid_export: "Sold",
    battery_charge: "Charged",
    battery_discharge: "Discharged",
  },
  selfPowered: "Self-powered",
  soFar: "so far",
  comparison: {
    caption: "Compared with the time before and with the year before",
    change: "Change",
    sameDays: (/** @type {string} */ title, /** @type {number} */ days) =>
      `${title}, the same ${days === 1 ? "day" : `${days} days`}`,
    sameHours: (/** @type {string} */ title) => `${title}, until the same hour`,
    nothing: "Of the time before too little is known to compare with.",
  },
  bars: {
    hour: { title: "Energy per hour", column: "Hour", table: "Hours", open: "" },
    day: { title: "Energy per day", column: "Day", table: "Days", open: "Enter opens the day." },
    month: { title: "Energy per month", column: "Month", table: "Months", open: "Enter opens the month." },
  },
  barsOf: (/** @type {string} */ title, /** @type {number} */ count) =>
    `${title}, ${count} bars. Arrow keys move from one to the next; the table below lists the figures.`,
  bridged: "partly known by the counters only",
  filledIn: (/** @type {string} */ time) =>
    `${time} of this was not recorded here and is filled in from Tesla's history: paler bars, shaded in the curves of up ` +
    "to two days.",
  string: (/** @type {string} */ name) => `String ${name}`,
  csv: "CSV of this chart",
  bands: "Shaded round each curve: the lowest and the highest value in the time that a point stands for.",
  outages: {
    none: "The grid was never away in this time, as far as it was watched.",
    total: (/** @type {number} */ count, /** @type {string} */ length) =>
      `${count} ${count === 1 ? "outage" : "outages"}, ${length} in all`,
    atLeast: " at least, as the begin of one was not seen",
    columns: ["Began", "Lasted", "Charge", "Used by the home"],
    house: "House",
    goesOn: "goes on",
    unknownBegin: "before it was watched",
    onPurpose: "on purpose",
    more: (/** @type {number} */ count) => `The newest ${count} are listed.`,
    unknown: "The server did not say when the grid was away.",
  },
  health: {
    columns: ["Battery", "State of health", "Holds when full", "Nameplate", "Trend, % a year", "Full cycles"],
    whole: "All together",
    chart: "State of health by days",
    axis: "% of nameplate",
    step: (/** @type {string} */ name, /** @type {string} */ day, /** @type {string} */ by) =>
      `${name} changed by ${by} on ${day}, too fast for ageing.`,
    noTrend: (/** @type {string} */ why) => `No trend: ${why}.`,
  },
  strings: {
    name: (/** @type {string} */ name) => `String ${name}`,
    columns: ["String", "Judged by its days", "Share now", "Share before"],
    weak: (/** @type {string} */ names) => `Weak: ${names}`,
    none: "No string is weak.",
    unknown: "Whether a string is weak is not known yet.",
    weakSince: (/** @type {string} */ day) => `weak since ${day}`,
    isWeak: "weak",
    inStep: "in step",
  },
  value: {
    names: {
      cost: "Bought for",
      earnings: "Sold for",
      fixed: "Fixed part",
      bill: "Bill",
      solar_savings: "Saved by the sun",
      battery_savings: "Saved by the battery",
    },
    days: (/** @type {string} */ days) => `Of whole days: ${days}.`,
    rule:
      "An estimate; the bill of your utility is right. Each quarter hour is priced by your tariff, and savings are " +
      "against buying everything, then against the sun alone.",
    nothing: "Nothing of this time has a value: it was before prices were known.",
    several: "Choose one house to see what its energy cost and saved.",
    unknown: "The server did not say what the energy was worth.",
  },
};
