// What the page of an error and /example say in German. Their English is their HTML, so that no file is asked for while the
// server is in trouble.

/** @type {Readonly<Record<string, string>>} */
export const TEXTS = {
  pages: "Seiten",
  flow: "Energiefluss",
  console: "Konsole",
  history: "Verlauf",
  api: "API",
  error: "Was nicht geht",
  "missing.title": "Unter dieser Adresse gibt es nichts",
  "missing.advice": "Die Schreibweise prüfen oder oben eine Seite wählen.",
  "busy.title": "Das ist gerade nicht zu haben",
  "busy.advice": "Einen Augenblick warten und die Seite neu laden.",
  "failed.title": "Dem Server ist ein Fehler unterlaufen",
  "failed.advice":
    "Die Seite neu laden. Wenn es dabei bleibt, steht der Grund im Protokoll des Servers; bitte mit diesen Zeilen melden.",
  "example.name": "Powerwall, eingebettet",
  "example.title": "Der Energiefluss in einer eigenen Seite",
  "example.firmware": "Firmware",
  "example.style": "Stil",
};
