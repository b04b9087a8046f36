// Power and charge of the last 24 hours: what the server recorded, filled up with what this browser saw.

import { merge, SERIES } from "../../charts/power_series.js";
import { h, load } from "../../core/dom.js";
import { number } from "../../core/format.js";
import { recordedMinutes } from "../../core/minute_store.js";
import { serverNow } from "../../core/server_clock.js";

export function trend(card, app, hint) {
  const room = h("div.chart-room");
  card.append(room);
  let chart = null,
    lines = null;
  hint("kW and charge");
  const library = () =>
    import("../../charts/line_chart.js").then(
      (found) => {
        lines = found;
      },
      () => {},
    );
  return {
    every: 60,
    async refresh() {
      const gateway = app.gateway ? `&gateway=${encodeURIComponent(app.gateway)}` : "";
      const [answer, mine] = await Promise.all([
        load(`api/timeseries/trend?hours=24${gateway}`),
        recordedMinutes(app.gateway),
        lines ?? library(),
      ]);
      if (!lines) return; // the network is gone, or the page is being left: the next time
      const merged = merge(answer, mine);
      const { LineChart, withGaps, withZero } = lines;
      chart ??= new LineChart(room, {
        series: SERIES,
        label: "Power and charge of the last 24 hours",
        scales: {
          kw: { range: withZero, show: (value) => number(value, Math.abs(value) < 10 && value % 1 ? 1 : 0) },
          percent: { range: [0, 100], show: (value) => `${value}%` },
        },
      });
      const now = serverNow();
      chart.update(withGaps(merged.times, merged.columns, merged.bucket), [now - 86_400, now]);
    },
    remove: () => chart?.remove(),
  };
}
