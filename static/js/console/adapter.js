// For the card that has not moved to the site document yet: the gateways by the names that it knows.
export function modelOf({ overview, houses }) {
  if (!overview) return null;
  return { gateways: overview.gateways.map((one) => {
    const house = houses.find((other) => other.id === one.id);
    const data = house ? { reserve: house.reserve_percent, mode: house.mode, grid_charging: house.grid_charging, grid_export: house.grid_export } : null;
    return { id: one.id, name: one.name, soe: one.charge_percent, battery: one.battery_watts, gridStatus: one.grid_state, data };
  }) };
}
