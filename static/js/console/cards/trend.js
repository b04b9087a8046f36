// Power and charge of the last 24 hours: what the server recorded, filled up with what this browser saw.
import { merge, POWER_SCALES, POWER_SERIES } from "../../charts/power_series.js";
import { withGaps } from "../../charts/scales.js";
import { h } from "../../core/dom.js";
import { load } from "../../core/load.js";
import { recordedMinutes } from "../../core/minute_store.js";
import { serverNow } from "../../core/server_clock.js";
import { say } from "../../core/texts.js";

/** @import { LineChart } from "../../charts/line_chart.js" */

const DAY_SECONDS = 86_400;

/** @type {Card["create"]} */
export function trend(card, app, hint) {
  const room = h("div.chart-room");
  card.append(room);
  /** @type {LineChart | null} */
  let chart = null;
  /** The house that is drawn; null: none yet. @type {string | null} */
  let drawn = null;
  hint(say("trend.hint"));
  // The library of charts is not on the way to the first figures. Without the network it comes the next time.
  const library = () => import("../../charts/line_chart.js").catch(() => null);
  return {
    every: 60,
    async refresh() {
      const house = app.gateway;
      const trend = load(`api/timeseries/trend?hours=24${house ? `&gateway=${encodeURIComponent(house)}` : ""}`);
      const [answer, minutes, found] = await Promise.all([trend, recordedMinutes(house), library()]);
      if (house !== app.gateway) return true; // another was chosen meanwhile, and asked for
      if (!found || (!answer && drawn === house)) return false;
      drawn = house;
      const merged = merge(answer, minutes);
      chart ??= new found.LineChart(room, {
        series: POWER_SERIES,
        label: say("trend.label"),
        scales: POWER_SCALES,
      });
      const now = serverNow();
      chart.update(withGaps(merged.times, merged.columns, merged.bucket), [now - DAY_SECONDS, now]);
      return Boolean(answer);
    },
    remove: () => chart?.remove(),
  };
}
