// What the server answers, as the pages may read it.
// Written by `python -m tests.pages.document_types types/documents.d.ts` from the API description; do not edit.

type SiteHouse = {
  version: 1;
  time: number;
  id: string;
  name: string;
  state: "waiting" | "fresh" | "stale" | "away";
  since: number | null;
  read_at: number | null;
  age_seconds: number | null;
  condition: "away" | "off-grid" | "serious-alert" | "implausible" | "stale" | "warning-alert" | "weak-string" | "syncing" | "waiting" | "unrefuted" | "well";
  solar_watts: number | null;
  home_watts: number | null;
  battery_watts: number | null;
  grid_watts: number | null;
  charge_percent: number | null;
  grid_state: "UP" | "DOWN" | "SYNCING" | null;
  has_solar: boolean | null;
  has_battery: boolean | null;
  units_percent: Array<number | null>;
  alerts: number | null;
  problems: number | null;
  alerts_worst: "serious" | "warning" | "unknown" | "information" | null;
  flows: {
    solar_to_home_watts: number | null;
    solar_to_battery_watts: number | null;
    solar_to_grid_watts: number | null;
    battery_to_home_watts: number | null;
    battery_to_grid_watts: number | null;
    grid_to_home_watts: number | null;
    grid_to_battery_watts: number | null;
  };
  own_power_percent: number | null;
  charge_raw_percent: number | null;
  capacity_wh: number | null;
  remaining_wh: number | null;
  hours_left: number | null;
  reserve_percent: number | null;
  mode: string | null;
  balance_watts: number | null;
  grid_charging: boolean | null;
  grid_export: string | null;
  alerts_active: {
    [name: string]: {
      severity: "serious" | "warning" | "unknown" | "information";
      meaning: string | null;
      since: number | null;
      since_exact: boolean;
      units: Array<string>;
    };
  } | null;
  alerts_ended: {
    [name: string]: {
      severity: "serious" | "warning" | "unknown" | "information";
      meaning: string | null;
      since: number | null;
      since_exact: boolean;
      units: Array<string>;
      ended: number;
    };
  };
  meters: {
    [name: string]: {
      watts?: number | null;
      volts?: number | null;
      amperes?: number | null;
      hertz?: number | null;
      imported_wh?: number | null;
      exported_wh?: number | null;
      reactive_var?: number | null;
      apparent_va?: number | null;
      a_amperes?: number | null;
      b_amperes?: number | null;
      c_amperes?: number | null;
    };
  };
  units: {
    [name: string]: {
      label: string;
      serial: string;
      type: string | null;
      state: string;
      capacity_wh?: number | null;
      remaining_wh?: number | null;
      charge_percent?: number | null;
      health_percent?: number | null;
      discharged_wh?: number | null;
      watts?: number | null;
      volts?: number | null;
      hertz?: number | null;
      pack_max_celsius?: number | null;
      pack_min_celsius?: number | null;
      inverter_celsius?: number | null;
      controller_celsius?: number | null;
      fan_a_rpm?: number | null;
      fan_b_rpm?: number | null;
      fan_rpm?: number | null;
      part?: string | null;
      leader?: string | null;
      age_seconds?: number | null;
    };
  };
  strings: {
    [name: string]: {
      state: string | null;
      watts?: number | null;
      volts?: number | null;
      amperes?: number | null;
      weak?: boolean | null;
    };
  };
  control: {
    enabled: boolean;
    pending: Record<string, unknown>;
    abilities: {
      [name: string]: {
        able: boolean;
        limit?: "tedapi-read-only" | "local-api" | "read-only" | "needs-v1r" | "needs-tesla" | "link-down" | "link-unsure" | "not-connected" | "replica" | "control-off" | "tells-less" | "tesla-tells-less" | "local-tells-less" | null;
        why_not?: string | null;
      };
    };
    help: {
      [name: string]: string;
    };
  };
  cannot_read: {
    [name: string]: {
      why_not: string;
      help: string;
    };
  };
  connection: {
    type: string;
    host: string | null;
    reach: "fleetapi" | "cloud" | "v1r" | "tedapi" | "hybrid" | "local" | "basic-lan" | "powers" | "mixed" | null;
    mode: string | null;
    firmware: string | null;
    commissioned: string | null;
    uptime: string | null;
    calls_per_minute: number;
    poll_seconds: number | null;
    missing: Array<string>;
  };
  set_aside: {
    [name: string]: string;
  };
  not_known?: {
    [name: string]: "no-battery" | "no-use" | "not-told";
  };
  implausible?: string;
  worst_alert?: {
    name: string;
    meaning: string | null;
  };
  weak_strings?: Array<string>;
  cause?: string | null;
  sentence?: string | null;
  advice?: string | null;
  next_attempt?: number | null;
  last_known?: {
    read_at: number;
    solar_watts: number | null;
    home_watts: number | null;
    battery_watts: number | null;
    grid_watts: number | null;
    charge_percent: number | null;
    grid_state: "UP" | "DOWN" | "SYNCING" | null;
    has_solar: boolean | null;
    has_battery: boolean | null;
    units_percent: Array<number | null>;
  };
};

type SiteOverview = {
  version: 1;
  time: number;
  default: string | null;
  site: {
    name: string | null;
    state: "waiting" | "fresh" | "stale" | "away" | "partial" | "none";
    gateways: number;
    fresh: number;
    condition: "away" | "off-grid" | "serious-alert" | "implausible" | "stale" | "warning-alert" | "weak-string" | "syncing" | "waiting" | "unrefuted" | "well" | "none";
    well: number;
    troubled: Array<string>;
    shortest_backup: {
      id: string;
      hours_left: number;
    } | null;
    solar_watts: number | null;
    home_watts: number | null;
    battery_watts: number | null;
    grid_watts: number | null;
    charge_percent: number | null;
    flows: {
      solar_to_home_watts: number | null;
      solar_to_battery_watts: number | null;
      solar_to_grid_watts: number | null;
      battery_to_home_watts: number | null;
      battery_to_grid_watts: number | null;
      grid_to_home_watts: number | null;
      grid_to_battery_watts: number | null;
    };
    own_power_percent: number | null;
    charge_raw_percent: number | null;
    capacity_wh: number | null;
    remaining_wh: number | null;
    hours_left: number | null;
    reserve_percent: number | null;
    mode: string | null;
    charge_weighted: boolean;
    grid: {
      state: "UP" | "DOWN" | "SYNCING" | "MIXED" | null;
      known: number;
      off: Array<string>;
      syncing: Array<string>;
      sentence: string | null;
    };
    has_solar: boolean | null;
    has_battery: boolean | null;
    units: number;
    units_percent: Array<number | null>;
    alerts: number | null;
    problems: number | null;
    alerts_worst: "serious" | "warning" | "unknown" | "information" | null;
    left_out: Array<{
      id: string;
      reason: "no data" | "stale" | "implausible";
      sentence: string;
      since: number | null;
      age_seconds: number | null;
    }>;
    meters: {
      [name: string]: {
        watts?: number | null;
        volts?: number | null;
        amperes?: number | null;
        hertz?: number | null;
        imported_wh?: number | null;
        exported_wh?: number | null;
        reactive_var?: number | null;
        apparent_va?: number | null;
        a_amperes?: number | null;
        b_amperes?: number | null;
        c_amperes?: number | null;
      };
    };
    missing: {
      [name: string]: Array<string>;
    };
  };
  control: {
    enabled: boolean;
    cannot: Array<string>;
  };
  gateways: Array<{
    id: string;
    name: string;
    state: "waiting" | "fresh" | "stale" | "away";
    since: number | null;
    read_at: number | null;
    age_seconds: number | null;
    condition: "away" | "off-grid" | "serious-alert" | "implausible" | "stale" | "warning-alert" | "weak-string" | "syncing" | "waiting" | "unrefuted" | "well";
    solar_watts: number | null;
    home_watts: number | null;
    battery_watts: number | null;
    grid_watts: number | null;
    charge_percent: number | null;
    grid_state: "UP" | "DOWN" | "SYNCING" | null;
    has_solar: boolean | null;
    has_battery: boolean | null;
    units_percent: Array<number | null>;
    alerts: number | null;
    problems: number | null;
    alerts_worst: "serious" | "warning" | "unknown" | "information" | null;
    not_known?: {
      [name: string]: "no-battery" | "no-use" | "not-told";
    };
    implausible?: string;
    worst_alert?: {
      name: string;
      meaning: string | null;
    };
    weak_strings?: Array<string>;
    cause?: string | null;
    sentence?: string | null;
    advice?: string | null;
    next_attempt?: number | null;
    last_known?: {
      read_at: number;
      solar_watts: number | null;
      home_watts: number | null;
      battery_watts: number | null;
      grid_watts: number | null;
      charge_percent: number | null;
      grid_state: "UP" | "DOWN" | "SYNCING" | null;
      has_solar: boolean | null;
      has_battery: boolean | null;
      units_percent: Array<number | null>;
    };
  }>;
};

type HouseRows = {
  version: 1;
  time: number;
  well: number;
  houses: Array<{
    id: string;
    name: string;
    condition: "away" | "off-grid" | "serious-alert" | "implausible" | "stale" | "warning-alert" | "weak-string" | "syncing" | "waiting" | "unrefuted" | "well";
    rank: number;
    solar_watts: number | null;
    home_watts: number | null;
    battery_watts: number | null;
    grid_watts: number | null;
    charge_percent: number | null;
    hours_left: number | null;
    reserve_percent: number | null;
    grid_state: "UP" | "DOWN" | "SYNCING" | null;
    read_at: number | null;
    today: {
      solar_wh: number | null;
      home_wh: number | null;
      imported_wh: number | null;
      exported_wh: number | null;
      own_percent: number | null;
    } | null;
    further_watts?: {
      [name: string]: number;
    };
    worst_alert?: {
      name: string;
      meaning: string | null;
    };
    failed_check?: "reachable" | "no-serious-alert" | "on-grid" | "data-complete" | "strings-in-step" | "clock-agrees";
    weak_strings?: Array<string>;
    since?: number | null;
    next_attempt?: number | null;
    sentence?: string | null;
    advice?: string | null;
    old?: boolean;
  }>;
};

type HouseChecks = {
  version: 1;
  id: string;
  name: string;
  counts: {
    pass: number;
    fail: number;
    unknown: number;
  };
  worst: "reachable" | "no-serious-alert" | "on-grid" | "data-complete" | "strings-in-step" | "clock-agrees" | null;
  begin: number | null;
  end: number | null;
  days: number | null;
  checks: Array<{
    id: "reachable" | "no-serious-alert" | "on-grid" | "data-complete" | "strings-in-step" | "clock-agrees";
    title: string;
    rule: string;
    state: "pass" | "fail" | "unknown";
    percent: number | null;
    mark_percent: number | null;
    seconds: number | null;
    mark_seconds: number | null;
    names: Array<string>;
    since: number | null;
    ended: number | null;
    why: string | null;
    cause: "unreachable" | "name-unknown" | "timeout" | "auth" | "rate-limit" | "http-error" | "redirect" | "garbage" | "no-data" | "settings" | "tesla-unreachable" | "tesla-fault" | "login-missing" | "login-unreadable" | "login-refused" | "access-denied" | "not-registered" | "wrong-region" | "site-missing" | "poller" | "not-recorded" | "utility" | "on-purpose" | "weak-strings" | "device-alert" | "gateway-clock" | "server-clock" | "zones-differ" | null;
    sentence: string | null;
    advice: string | null;
  }>;
};

type AllChecks = {
  version: 1;
  houses: Array<{
    id: string;
    name: string;
    counts: {
      pass: number;
      fail: number;
      unknown: number;
    };
    worst: "reachable" | "no-serious-alert" | "on-grid" | "data-complete" | "strings-in-step" | "clock-agrees" | null;
    states: {
      reachable: "pass" | "fail" | "unknown";
      "no-serious-alert": "pass" | "fail" | "unknown";
      "on-grid": "pass" | "fail" | "unknown";
      "data-complete": "pass" | "fail" | "unknown";
      "strings-in-step": "pass" | "fail" | "unknown";
      "clock-agrees": "pass" | "fail" | "unknown";
    };
  }>;
};

type Explanation = {
  version?: number;
  gateway?: string | null;
  names?: Array<string>;
  name?: string;
  title?: string;
  unit?: string | null;
  value?: number | string | boolean | null;
  rule?: string;
  sentence?: string;
  answer?: string | null;
  member?: string | null;
  at?: number | null;
  set_aside?: string | null;
  parts?: Array<{
    name: string;
    title?: string;
    unit?: string | null;
    value?: number | string | boolean | null;
    gateway?: string;
    gateway_name?: string | null;
  }>;
  missing?: Array<string>;
  missing_names?: Array<string>;
  left_out?: Array<{
    id: string;
    reason: "no data" | "stale" | "implausible";
    sentence: string;
    since: number | null;
    age_seconds: number | null;
    gateway_name?: string | null;
  }>;
};

type ControlStatus = {
  enabled: boolean;
  battery_dispatch: boolean;
  abilities: {
    [name: string]: {
      able: boolean;
      limit?: "tedapi-read-only" | "local-api" | "read-only" | "needs-v1r" | "needs-tesla" | "link-down" | "link-unsure" | "not-connected" | "replica" | "control-off" | "tells-less" | "tesla-tells-less" | "local-tells-less" | null;
      why_not?: string | null;
    };
  };
  help: {
    [name: string]: string;
  };
  controls: {
    [name: string]: {
      label: string;
      kind: "number" | "choice" | "switch" | "press";
      range: Array<number> | null;
      unit: string | null;
      choices: Array<string>;
      reads_back: string | null;
    };
  };
  pending?: {
    [name: string]: {
      value: unknown;
      acknowledged: number;
    };
  };
};

type FullBackup = {
  manual_backup: {
    end_time?: number;
  } | null;
  backup_events: Array<Record<string, unknown>>;
} | {
  error: string;
};

type OperationSettings = {
  real_mode: string | null;
  backup_reserve_percent: number | null;
  backup_reserve_percent_app: number | null;
  grid_charging: boolean | null;
  grid_export: string | null;
  stale: boolean;
  last_updated: number | null;
};

type ServerStatistics = {
  pypowerwall: string;
  pypowerwall_version: string;
  server_version: string;
  mode: string;
  gets: number;
  posts: number;
  errors: number;
  timeout: number;
  uri: {
    [name: string]: number;
  };
  ts: number;
  start: number;
  clear: number;
  uptime: string;
  mem: number;
  site_name: string | null;
  cloudmode: boolean;
  fleetapi: boolean;
  tedapi: boolean;
  pw3: boolean | null;
  tedapi_mode: "full" | "v1r" | "hybrid" | "off" | null;
  siteid: string | null;
  counter: number;
  cf: string | null;
  config: Record<string, unknown>;
  connection_health: {
    consecutive_failures: number;
    total_failures: number;
    total_successes: number;
    is_degraded: boolean;
    last_success_time: number | null;
  };
  gateways: {
    total: number;
    online: number;
    offline: number;
  };
  gateway_statuses: Array<Record<string, unknown>>;
  fallback_mode: {
    [name: string]: {
      is_fallback_mode: boolean;
      recovery_attempts: number;
      recovery_enabled: boolean;
    };
  };
  processes?: Array<{
    name: string;
    pid: number;
    beat_age_seconds: number | null;
    restarts: number;
    counters?: {
      [name: string]: number;
    };
  }>;
};

type MqttStatus = {
  enabled: boolean;
  host: string | null;
  port: number;
  connected: boolean;
  reason: string | null;
  topic_prefix: string;
  ha_discovery: boolean;
  qos: number;
  retain: boolean;
  tls: boolean;
};

type NoticeStatus = {
  enabled: boolean;
  rules: Array<string>;
  waiting: number;
  undelivered: number;
  problem: string | null;
  remedy: string | null;
  addresses: Array<{
    name: string;
    sent: number;
    failed: number;
    given_up: number;
    last_sent: number | null;
    last_failed: number | null;
    cause: string | null;
    remedy: string | null;
  }>;
};

type FirmwareVersion = {
  version: string;
  vint: number | null;
};

type ServerHealth = {
  status: "healthy" | "degraded" | "unhealthy" | "no_gateways";
  version: string;
  gateways: number;
  gateways_online: number;
  gateways_offline: number;
  gateway_ids: Array<string>;
  gateway_details: Array<{
    id: string;
    online: boolean;
    error: string | null;
  }>;
  left_out: {
    [name: string]: string;
  };
  fallback_mode: {
    [name: string]: {
      is_fallback_mode: boolean;
      recovery_attempts: number;
      recovery_enabled: boolean;
    };
  };
  pypowerwall: string;
  mode: string;
  tedapi_mode: "full" | "v1r" | "hybrid" | "off" | null;
  connection_health: {
    consecutive_failures: number;
    total_failures: number;
    total_successes: number;
    is_degraded: boolean;
    last_success_time: number | null;
  };
  proxy_stats: {
    [name: string]: number;
  };
  startup_time: string;
  current_time: string;
  history_problem: string | null;
  history_in_memory: string | null;
  history_not_stored: string | null;
  history_not_taken: Array<string>;
};

type HistoryStatus = {
  enabled: boolean;
  retention_seconds: number;
  samples: number;
  gateways: Array<string>;
  gateway_names?: {
    [name: string]: string;
  };
  timezones?: {
    [name: string]: string;
  };
  first_days?: {
    [name: string]: string;
  };
  fill?: {
    [name: string]: {
      last_filled: number | null;
      quarter_hours: number;
      gap_seconds_left: number | null;
      cause: string | null;
    };
  };
};

type PowerTrend = {
  enabled: boolean;
  points: Array<{
    ts: number;
    solar_kw: number | null;
    home_kw: number | null;
    battery_kw: number | null;
    grid_kw: number | null;
    battery_level?: number | null;
  }>;
  count: number;
  bucket_seconds?: number;
};

type DailyEnergy = {
  enabled: boolean;
  days: Array<{
    day: string;
    gateways: {
      [name: string]: {
        gateway_id: string;
        day: string;
        solar_kwh: number | null;
        home_kwh: number | null;
        battery_charge_kwh: number | null;
        battery_discharge_kwh: number | null;
        grid_import_kwh: number | null;
        grid_export_kwh: number | null;
        solar_to_home_kwh?: number | null;
        battery_to_home_kwh?: number | null;
        grid_to_home_kwh?: number | null;
        self_powered_percent?: number | null;
        self_powered_from?: string | null;
        covered_seconds?: number | null;
        gap_seconds?: number | null;
        filled_seconds?: number | null;
      };
    };
  }>;
  last_updated: number | null;
  sum?: {
    days: number;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    self_powered_from: string | null;
    covered_seconds: number | null;
    gap_seconds: number | null;
    filled_seconds: number | null;
  };
  totals?: Array<{
    day: string;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    self_powered_from: string | null;
    covered_seconds: number | null;
    gap_seconds: number | null;
    filled_seconds: number | null;
  }>;
};

type EnergyToday = {
  enabled: boolean;
  gateways: {
    [name: string]: {
      gateway_id: string;
      day: string;
      solar_kwh: number | null;
      home_kwh: number | null;
      battery_charge_kwh: number | null;
      battery_discharge_kwh: number | null;
      grid_import_kwh: number | null;
      grid_export_kwh: number | null;
      solar_to_home_kwh?: number | null;
      battery_to_home_kwh?: number | null;
      grid_to_home_kwh?: number | null;
      self_powered_percent?: number | null;
      self_powered_from?: string | null;
      covered_seconds?: number | null;
      gap_seconds?: number | null;
      filled_seconds?: number | null;
    };
  };
  server_time?: number;
  total?: {
    day: string;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    self_powered_from: string | null;
    covered_seconds: number | null;
    gap_seconds: number | null;
    filled_seconds: number | null;
  } | null;
  value?: {
    [name: string]: {
      currency: string | null;
      estimate: boolean;
      price_now: {
        buy: number | null;
        sell: number | null;
        buy_period: string | null;
        sell_period: string | null;
      };
      today: {
        cost: number | null;
        earnings: number | null;
        fixed: number | null;
        bill: number | null;
        solar_savings: number | null;
        battery_savings: number | null;
      };
      month: {
        cost: number | null;
        earnings: number | null;
        fixed: number | null;
        bill: number | null;
        solar_savings: number | null;
        battery_savings: number | null;
      };
      total: {
        cost: number | null;
        earnings: number | null;
        fixed: number | null;
        bill: number | null;
        solar_savings: number | null;
        battery_savings: number | null;
      };
    };
  };
};

type WindowTotals = {
  gateway: string;
  timezone: string;
  from: number;
  to: number;
  step: "hour" | "day" | "month";
  rows: Array<{
    label: string;
    start: number;
    end: number;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    self_powered_from: string | null;
    covered_seconds: number | null;
    gap_seconds: number | null;
    filled_seconds: number | null;
  }>;
  total: {
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    self_powered_from: string | null;
    covered_seconds: number | null;
    gap_seconds: number | null;
    filled_seconds: number | null;
  } | null;
  previous: {
    from: number;
    to: number;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    change: {
      solar_kwh: number | null;
      home_kwh: number | null;
      battery_charge_kwh: number | null;
      battery_discharge_kwh: number | null;
      grid_import_kwh: number | null;
      grid_export_kwh: number | null;
      solar_to_home_kwh: number | null;
      battery_to_home_kwh: number | null;
      grid_to_home_kwh: number | null;
      self_powered_percent: number | null;
    };
  } | null;
  year_before: {
    from: number;
    to: number;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    change: {
      solar_kwh: number | null;
      home_kwh: number | null;
      battery_charge_kwh: number | null;
      battery_discharge_kwh: number | null;
      grid_import_kwh: number | null;
      grid_export_kwh: number | null;
      solar_to_home_kwh: number | null;
      battery_to_home_kwh: number | null;
      grid_to_home_kwh: number | null;
      self_powered_percent: number | null;
    };
  } | null;
};

type CalendarTotals = {
  gateway: string;
  timezone: string;
  period: string;
  periods: Array<{
    period: string;
    start: string;
    end: string;
    days: number;
    days_covered: number;
    running: boolean;
    complete: boolean;
    solar_kwh: number | null;
    home_kwh: number | null;
    battery_charge_kwh: number | null;
    battery_discharge_kwh: number | null;
    grid_import_kwh: number | null;
    grid_export_kwh: number | null;
    solar_to_home_kwh: number | null;
    battery_to_home_kwh: number | null;
    grid_to_home_kwh: number | null;
    self_powered_percent: number | null;
    self_powered_from: string | null;
    covered_seconds: number | null;
    gap_seconds: number | null;
    filled_seconds: number | null;
    compared: "whole periods" | "same days" | null;
    previous: {
      period: string;
      days: number;
      solar_kwh: number | null;
      home_kwh: number | null;
      battery_charge_kwh: number | null;
      battery_discharge_kwh: number | null;
      grid_import_kwh: number | null;
      grid_export_kwh: number | null;
      solar_to_home_kwh: number | null;
      battery_to_home_kwh: number | null;
      grid_to_home_kwh: number | null;
      self_powered_percent: number | null;
    } | null;
    change: {
      solar_kwh: number | null;
      home_kwh: number | null;
      battery_charge_kwh: number | null;
      battery_discharge_kwh: number | null;
      grid_import_kwh: number | null;
      grid_export_kwh: number | null;
      solar_to_home_kwh: number | null;
      battery_to_home_kwh: number | null;
      grid_to_home_kwh: number | null;
      self_powered_percent: number | null;
    } | null;
  }>;
};

type OutageList = {
  outages: Array<{
    gateway: string;
    begin: number | null;
    end: number | null;
    duration_seconds: number | null;
    charge_begin_percent: number | null;
    charge_end_percent: number | null;
    home_wh: number | null;
    purpose: "scheduled" | "unscheduled" | null;
    exact: boolean | null;
  }>;
  count: number;
  seconds: number;
  unknown_begins: number;
};

type EnergyValue = {
  gateway: string;
  timezone: string;
  step: string;
  currency: string | null;
  estimate: boolean;
  rule: string;
  notes: Array<string>;
  cause: string | null;
  remedy: string | null;
  price_now: {
    buy: number | null;
    sell: number | null;
    buy_period: string | null;
    sell_period: string | null;
  };
  rows: Array<{
    cost: number | null;
    earnings: number | null;
    fixed: number | null;
    bill: number | null;
    solar_savings: number | null;
    battery_savings: number | null;
    battery_carried: number | null;
    unpriced_import_kwh: number | null;
    unpriced_export_kwh: number | null;
    compared_seconds: number | null;
    outage_seconds: number | null;
    unpriced_seconds: number | null;
    unknown_seconds: number | null;
    time?: string;
    day?: string;
    month?: string;
    year?: string;
  }>;
  total: {
    cost: number | null;
    earnings: number | null;
    fixed: number | null;
    bill: number | null;
    solar_savings: number | null;
    battery_savings: number | null;
    battery_carried: number | null;
    unpriced_import_kwh: number | null;
    unpriced_export_kwh: number | null;
    compared_seconds: number | null;
    outage_seconds: number | null;
    unpriced_seconds: number | null;
    unknown_seconds: number | null;
  } | null;
};

type BatteryHealth = {
  enabled: boolean;
  meaning: string;
  gateways: {
    [name: string]: {
      timezone: string;
      whole: {
        full_wh: number | null;
        median_full_wh: number | null;
        nominal_wh: number | null;
        health_percent: number | null;
        trend_percent_per_year: number | null;
        trend_range_percent_per_year: Array<number> | null;
        discharged_wh: number | null;
        cycles: number | null;
        unknown: {
          [name: string]: string;
        };
        source: "tedapi" | "local" | "cloud" | "other" | "sum of units" | null;
        days: number;
        first_day: string | null;
        last_day: string | null;
        compared_since: string | null;
        steps: Array<{
          day: string;
          percent: number;
        }>;
        daily: Array<{
          day: string;
          full_wh: number | null;
          health_percent: number | null;
          source: "tedapi" | "local" | "cloud" | "other" | "sum of units" | null;
          discharged_wh: number | null;
        }>;
      };
      units: {
        [name: string]: {
          label: string | null;
          part: string | null;
          type: string | null;
          full_wh: number | null;
          median_full_wh: number | null;
          nominal_wh: number | null;
          health_percent: number | null;
          trend_percent_per_year: number | null;
          trend_range_percent_per_year: Array<number> | null;
          discharged_wh: number | null;
          cycles: number | null;
          unknown: {
            [name: string]: string;
          };
          source: "tedapi" | "local" | "cloud" | "other" | "sum of units" | null;
          days: number;
          first_day: string | null;
          last_day: string | null;
          compared_since: string | null;
          steps: Array<{
            day: string;
            percent: number;
          }>;
          daily: Array<{
            day: string;
            full_wh: number | null;
            health_percent: number | null;
            source: "tedapi" | "local" | "cloud" | "other" | "sum of units" | null;
            discharged_wh: number | null;
          }>;
        };
      };
    };
  };
};

type SolarStrings = {
  enabled: boolean;
  rule: string;
  gateways: {
    [name: string]: {
      timezone: string;
      strings: {
        [name: string]: {
          weak: boolean | null;
          since: string | null;
          share: number | null;
          earlier_share: number | null;
          compared_with: "the same season a year before" | "all earlier days" | null;
          reason: string | null;
          last_judged_day: string | null;
          daily: Array<{
            day: string;
            energy_wh: number;
            share: number | null;
            weak: "no" | "yes" | null;
          }>;
        };
      };
    };
  };
};

type SignalCatalogue = {
  enabled: boolean;
  signals_enabled: boolean;
  interval_seconds: number;
  metrics: {
    [name: string]: {
      label: string;
      unit: string;
      group: string;
      order: number;
    };
  };
  groups: {
    [name: string]: {
      label: string;
      order: number;
      zero_based: boolean;
      decimals: number;
    };
  };
  series: Array<{
    gateway: string;
    device: string;
    metric: string;
    unit: string;
    label: string;
    powerwall: string | null;
    powerwall_order: number | null;
  }>;
};

type SignalTrend = {
  enabled: boolean;
  resolution: "raw" | "daily" | null;
  series: Array<{
    gateway: string;
    device: string;
    metric: string;
    unit: string;
    label: string;
    powerwall: string | null;
    powerwall_order: number | null;
    points: Array<{
      ts: number;
      avg: number | null;
      min: number | null;
      max: number | null;
    }>;
  }>;
};

/** The type of what is answered below this page's folder; an address that no document has is `never`. */
type DocumentAt<Address extends string> = Address extends `api/site/${string}` | `api/site/${string}?${string}`
  ? SiteHouse
  : Address extends `api/site` | `api/site?${string}`
  ? SiteOverview
  : Address extends `api/houses` | `api/houses?${string}`
  ? HouseRows
  : Address extends `api/checks/${string}` | `api/checks/${string}?${string}`
  ? HouseChecks
  : Address extends `api/checks` | `api/checks?${string}`
  ? AllChecks
  : Address extends `api/explain` | `api/explain?${string}`
  ? Explanation
  : Address extends `${string}control/status` | `${string}control/status?${string}`
  ? ControlStatus
  : Address extends `${string}control/max_backup` | `${string}control/max_backup?${string}`
  ? FullBackup
  : Address extends `api/operation` | `api/operation?${string}`
  ? OperationSettings
  : Address extends `stats` | `stats?${string}`
  ? ServerStatistics
  : Address extends `api/mqtt/status` | `api/mqtt/status?${string}`
  ? MqttStatus
  : Address extends `api/notices` | `api/notices?${string}`
  ? NoticeStatus
  : Address extends `version` | `version?${string}`
  ? FirmwareVersion
  : Address extends `health` | `health?${string}`
  ? ServerHealth
  : Address extends `api/timeseries/status` | `api/timeseries/status?${string}`
  ? HistoryStatus
  : Address extends `api/timeseries/trend` | `api/timeseries/trend?${string}`
  ? PowerTrend
  : Address extends `api/timeseries/daily` | `api/timeseries/daily?${string}`
  ? DailyEnergy
  : Address extends `api/timeseries/today` | `api/timeseries/today?${string}`
  ? EnergyToday
  : Address extends `api/history/totals` | `api/history/totals?${string}`
  ? WindowTotals
  : Address extends `api/history/calendar` | `api/history/calendar?${string}`
  ? CalendarTotals
  : Address extends `api/outages` | `api/outages?${string}`
  ? OutageList
  : Address extends `api/value` | `api/value?${string}`
  ? EnergyValue
  : Address extends `api/battery/health` | `api/battery/health?${string}`
  ? BatteryHealth
  : Address extends `api/solar/strings` | `api/solar/strings?${string}`
  ? SolarStrings
  : Address extends `api/timeseries/signals` | `api/timeseries/signals?${string}`
  ? SignalCatalogue
  : Address extends `api/timeseries/signal_trend` | `api/timeseries/signal_trend?${string}`
  ? SignalTrend
  : never;
