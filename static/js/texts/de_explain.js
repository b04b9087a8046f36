// What the server says of a number, in German: the panel that tells where it comes from asks for these when it opens.

/** @type {Readonly<Record<string, string>>} */
export const SERVER_TEXTS = {
  // Where a number comes from.
  "The value is shown as the gateway sent it.": "Der Wert steht so da, wie ihn das Gateway gesendet hat.",
  "No answer of the gateway contains this value.": "Keine Antwort des Gateways enthält diesen Wert.",
  "The gateway's percent as the Tesla app shows it, which hides the lowest 5 %: (raw - 5) / 95 x 100.":
    "Die Prozent des Gateways so, wie Teslas App sie zeigt; sie verbirgt die untersten 5 %: (roh − 5) / 95 × 100.",
  "The energy left in the unit, divided by what it holds when full.":
    "Die Energie in dem Gerät, geteilt durch das, was es voll fasst.",
  "The energy left in the unit, divided by what it holds when full, on the app's scale.":
    "Die Energie in dem Gerät, geteilt durch das, was es voll fasst, auf der Skala der App.",
  "The median of what the unit held when full on the last 30 days, divided by its nameplate.":
    "Der Median dessen, was das Gerät an den letzten 30 Tagen voll fasste, geteilt durch seine Nennkapazität.",
  "Whether the string gave less than 80 % of its own earlier share on each of the last five sunny days.":
    "Ob der String an jedem der letzten fünf sonnigen Tage weniger als 80 % seines eigenen früheren Anteils gegeben hat.",
  "The values of all units together, because the gateway gives no sum.":
    "Die Werte aller Geräte zusammen, weil das Gateway keine Summe meldet.",
  "The values of all gateways that are in the sum, added.": "Die Werte aller Gateways, die in der Summe sind, addiert.",
  "The counters of all gateways, added; unknown while one of them is unknown, because no counter may fall when a part is missing. A house that left the configuration stays in it with its last count.":
    "Die Zähler aller Gateways, addiert; unbekannt, solange einer davon unbekannt ist, denn kein Zähler darf fallen, wenn ein Teil fehlt. Ein Haus, das die Konfiguration verlassen hat, bleibt mit seinem letzten Stand darin.",
  "The mean of the gateways in the sum, each weighted by the capacity of its batteries.":
    "Der Mittelwert der Gateways in der Summe, jedes gewichtet mit der Kapazität seiner Speicher.",
  "The plain mean of the gateways in the sum, because the capacity of one of them is not known.":
    "Der einfache Mittelwert der Gateways in der Summe, weil die Kapazität von einem davon nicht bekannt ist.",
  "The value on which all gateways that know it agree.":
    "Der Wert, in dem alle Gateways übereinstimmen, die ihn kennen.",
  "Solar power goes first to the home, then to the battery, then to the grid; battery power goes first to the home.":
    "Solarstrom geht zuerst ins Haus, dann in den Speicher, dann ins Netz; Strom aus dem Speicher geht zuerst ins Haus.",
  "The energy left in all batteries, divided by the present load of all houses.":
    "Die Energie in allen Speichern, geteilt durch den jetzigen Verbrauch aller Häuser.",
  "There is no figure, because the gateway gives none at present; the reason is shown beside it.":
    "Es gibt keinen Wert, weil das Gateway zurzeit keinen meldet; der Grund steht daneben.",
  "The figure of the last good reading, which is old.": "Der Wert der letzten guten Ablesung, der alt ist.",
  "The same number as the one named among the parts.": "Dieselbe Zahl wie die, die unter den Teilen genannt ist.",
  "The time at which pwserver first saw the alert; the answer before did not have it yet.":
    "Die Zeit, zu der pwserver die Meldung zum ersten Mal sah; die Antwort davor hatte sie noch nicht.",
  "The alert was there when pwserver first looked, or looked again after a pause. It may be older.":
    "Die Meldung war schon da, als pwserver zum ersten Mal oder nach einer Pause wieder nachsah. Sie kann älter sein.",
  "The time of the first answer that no longer had the alert.":
    "Die Zeit der ersten Antwort, die die Meldung nicht mehr hatte.",
  "pwserver counted or timed this itself, or was configured with it.":
    "pwserver hat das selbst gezählt oder gemessen oder ist so eingestellt.",
  "The values of the meter's phases, added.": "Die Werte der Phasen des Zählers, addiert.",
  "The current of the phase, negative while power flows backward through it.":
    "Der Strom der Phase, negativ, solange Leistung in ihr rückwärts fließt.",
  "The square root of power squared plus reactive power squared.":
    "Die Wurzel aus Leistung zum Quadrat plus Blindleistung zum Quadrat.",
  "The counter is held at the highest value it has shown; see what was set aside.":
    "Der Zähler bleibt auf dem höchsten Stand, den er gezeigt hat; siehe, was verworfen wurde.",
  "The gateway did not report the counter this time; this is its last value.":
    "Das Gateway hat den Zähler diesmal nicht gemeldet; das ist sein letzter Stand.",
  "The owner wants no negative solar power, so what the inverter draws is added to the load.":
    "Negative Solarleistung ist nicht gewünscht, deshalb zählt zum Verbrauch, was der Wechselrichter zieht.",
  "The owner wants grid power close to zero to be shown as zero.":
    "Netzleistung nahe null soll als null gezeigt werden.",
  "Load minus site, solar, battery and further sources; zero when the meters agree.":
    "Verbrauch weniger Netz, Solar, Speicher und weitere Quellen; null, wenn die Zähler übereinstimmen.",
  // What was not believed, and why.
  "{watts} W as the gateway reported it": "{watts} W, wie es das Gateway gemeldet hat",
  "there are more than {count} counters": "es gibt mehr als {count} Zähler",
  "{value} is no number": "{value} ist keine Zahl",
  "{value} {unit} is below 0: no count": "{value} {unit} ist unter 0: kein Zählerstand",
  "a number that no house can count": "eine Zahl, die kein Haus zählen kann",
  "{value} {unit} is far above {held} {same}: withheld until confirmed":
    "{value} {unit} ist weit über {held} {unit}: zurückgehalten, bis es sich bestätigt",
  "{value} {unit} is below {held} {same}: held until passed, or until it grows from near zero":
    "{value} {unit} ist unter {held} {unit}: gehalten, bis es überschritten ist oder von nahe null an wächst",
  "last known values, {age} s old": "letzte bekannte Werte, {age} s alt",
  // Names of numbers.
  "Home power": "Leistung des Hauses",
  "Solar power": "Leistung von Solar",
  "Battery power": "Leistung des Speichers",
  "Grid power": "Leistung des Netzes",
  Reserve: "Reserve",
  missing: "fehlt",
  "Charge as the gateway counts it": "Ladestand, wie ihn das Gateway zählt",
  "Energy left": "Verbleibende Energie",
  "Time left": "Verbleibende Zeit",
  "Own power": "Eigenstrom",
  "Difference of the meters": "Differenz der Zähler",
  "Energy in": "Energie hinein",
  "Energy discharged in all": "Insgesamt entladene Energie",
  "State of health": "Zustand (SoH)",
  "Weak against its neighbours": "Schwach gegenüber den Nachbarn",
  "Energy out": "Energie heraus",
  Frequency: "Frequenz",
  "Active alerts": "Aktive Meldungen",
  Problems: "Störungen",
  Gateways: "Gateways",
  "Gateways that answer": "Gateways, die antworten",
  Powerwalls: "Powerwalls",
  "Time of this document": "Zeit dieses Dokuments",
  "Last reading": "Letzte Ablesung",
  "In this state since": "In diesem Zustand seit",
  Age: "Alter",
  "State of the grid": "Zustand des Netzes",
  "Next attempt": "Nächster Versuch",
  "Powerwall {name}: {what}": "Powerwall {name}: {what}",
  "String {name}: {what}": "String {name}: {what}",
  "Meter {name}: {what}": "Zähler {name}: {what}",
  "Last known: {what}": "Zuletzt bekannt: {what}",
  "{name}: active since": "{name}: aktiv seit",
  "{name}: ended": "{name}: beendet",
  "Charge of one Powerwall": "Ladestand einer Powerwall",
  "Houses that know the state of the grid": "Häuser, die den Zustand des Netzes kennen",
  Mode: "Betriebsart",
  "Grid charging": "Laden aus dem Netz",
  "Grid export": "Einspeisung",
  Well: "In Ordnung",
  Capacity: "Kapazität",
  Poll: "Dauer der Abfrage",
  "Calls per minute": "Abfragen je Minute",
  "Solar to home": "Solar ins Haus",
  "Solar to battery": "Solar in den Speicher",
  "Solar to grid": "Solar ins Netz",
  "Battery to home": "Speicher ins Haus",
  "Battery to grid": "Speicher ins Netz",
  "Grid to home": "Netz ins Haus",
  "Grid to battery": "Netz in den Speicher",
  Apparent: "Scheinleistung",
  Reactive: "Blindleistung",
  A: "Strom in Phase A",
  B: "Strom in Phase B",
  C: "Strom in Phase C",
  "Fan a": "Lüfter A",
  "Fan b": "Lüfter B",
  Inverter: "Wechselrichter",
  Controller: "Thermoregler",
  "Pack max": "Zellblock (höchste)",
  "Pack min": "Zellblock (niedrigste)",
};
