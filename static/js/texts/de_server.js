// What the server says, in German: by its English sentence, because not every document has a code beside it. A sentence
// that is missing here is shown in English, and marked as English. tests/pages/test_languages.py finds what is missing.

/** @type {Readonly<Record<string, string>>} */
export const SERVER_TEXTS = {
  // Why a gateway gives no data, and what helps.
  "waiting for the first answer": "noch keine erste Antwort",
  "no connection to the gateway": "keine Verbindung zum Gateway",
  "Check that the gateway has power and a network connection, and that its address has not changed; reserving a fixed address for it in the router prevents that.":
    "Prüfen, ob das Gateway Strom und eine Netzwerkverbindung hat und ob sich seine Adresse geändert hat; eine feste Adresse im Router verhindert das.",
  "the name of the gateway cannot be resolved": "der Name des Gateways lässt sich nicht auflösen",
  "Check the name in PW_HOST, and the name server (DNS) that this machine uses. An address such as 192.168.91.1 needs no name server.":
    "Den Namen in PW_HOST und den Namensserver (DNS) dieses Rechners prüfen. Eine Adresse wie 192.168.91.1 braucht keinen Namensserver.",
  "no complete answer in time": "keine vollständige Antwort in der gegebenen Zeit",
  "The server tries again automatically. If this persists, check the network, then restart the gateway.":
    "Der Server versucht es von selbst wieder. Wenn es dabei bleibt, das Netzwerk prüfen, dann das Gateway neu starten.",
  "the gateway refused the password or key": "das Gateway hat das Passwort oder den Schlüssel abgelehnt",
  "Check the password (PW_GW_PWD is on the gateway's sticker, PW_PASSWORD is the customer's) and, for v1r, that the key is registered. Then send POST /health/reset, or wait.":
    "Das Passwort prüfen (PW_GW_PWD steht auf dem Aufkleber des Gateways, PW_PASSWORD ist das des Kunden) und für v1r, ob der Schlüssel registriert ist. Dann POST /health/reset senden oder warten.",
  "too many requests: the other side asked for a pause": "zu viele Anfragen: die Gegenseite hat um eine Pause gebeten",
  "There is nothing to do: the server tries again when the requested time is over. If it happens again, raise PW_CACHE_EXPIRE, and look for other programs that use the same gateway or account.":
    "Es ist nichts zu tun: Der Server versucht es wieder, wenn die verlangte Zeit um ist. Wenn es wieder vorkommt, PW_CACHE_EXPIRE erhöhen und nach anderen Programmen suchen, die dasselbe Gateway oder Konto benutzen.",
  "the answer was an error": "die Antwort war ein Fehler",
  "The server tries again automatically. If this persists, restart the gateway, and report it together with the firmware version.":
    "Der Server versucht es von selbst wieder. Wenn es dabei bleibt, das Gateway neu starten und den Fehler mit der Firmware-Version melden.",
  "the answer was a redirect to another address, which was not followed":
    "die Antwort war eine Umleitung zu einer anderen Adresse, der nicht gefolgt wurde",
  "A Tesla gateway never redirects: another device, a captive portal or a proxy answers at this address. Check PW_HOST.":
    "Ein Gateway von Tesla leitet nie um: Unter dieser Adresse antwortet ein anderes Gerät, eine Anmeldeseite oder ein Proxy. PW_HOST prüfen.",
  "the answer could not be understood": "die Antwort war nicht zu verstehen",
  "Check that a Tesla gateway answers at the configured address. If it does, report the problem together with the firmware version.":
    "Prüfen, ob unter der eingestellten Adresse ein Gateway von Tesla antwortet. Wenn ja, das Problem mit der Firmware-Version melden.",
  "the answer contained no meter values": "die Antwort enthielt keine Zählerwerte",
  "The server tries again automatically. If this persists, check in Tesla's app that the meters are commissioned.":
    "Der Server versucht es von selbst wieder. Wenn es dabei bleibt, in Teslas App prüfen, ob die Zähler in Betrieb genommen sind.",
  "the settings do not lead to a connection": "die Einstellungen führen zu keiner Verbindung",
  "Change the setting that the message names; pwserver check-config shows what is in force.":
    "Die Einstellung ändern, die die Meldung nennt; pwserver check-config zeigt, was gilt.",
  "no connection to Tesla's servers": "keine Verbindung zu Teslas Servern",
  "Check the Internet connection and DNS, and that no firewall or proxy blocks the way.":
    "Die Internetverbindung und DNS prüfen, und ob eine Firewall oder ein Proxy im Weg ist.",
  "Tesla's servers reported a fault of their own, or cannot reach the site":
    "Teslas Server melden eine eigene Störung oder erreichen die Anlage nicht",
  "There is nothing to do: the server tries again automatically. Check that Tesla's app shows the site.":
    "Es ist nichts zu tun: Der Server versucht es von selbst wieder. Prüfen, ob Teslas App die Anlage zeigt.",
  "there is no Tesla login": "es gibt keine Anmeldung bei Tesla",
  "Log in to Tesla: pwserver --setup.": "Bei Tesla anmelden: pwserver --setup.",
  "the file with the Tesla login cannot be used": "die Datei mit der Anmeldung bei Tesla ist nicht brauchbar",
  "Make the file readable and writable for the user that pwserver runs as (chown, chmod 600), or create it again: pwserver --setup.":
    "Die Datei für den Benutzer, unter dem pwserver läuft, lesbar und schreibbar machen (chown, chmod 600) oder neu anlegen: pwserver --setup.",
  "Tesla no longer accepts the login": "Tesla nimmt die Anmeldung nicht mehr an",
  "Log in to Tesla again: pwserver --setup. A login expires when the password changes, or after three months without use.":
    "Neu bei Tesla anmelden: pwserver --setup. Eine Anmeldung läuft ab, wenn sich das Passwort ändert oder nach drei Monaten ohne Gebrauch.",
  "Tesla denies this login access": "Tesla verweigert dieser Anmeldung den Zugriff",
  "Log in to Tesla again: pwserver --setup. Use the account that owns the site in Tesla's app; for FleetAPI, also grant the application the scopes for energy products.":
    "Neu bei Tesla anmelden: pwserver --setup. Das Konto nehmen, dem die Anlage in Teslas App gehört; für FleetAPI der Anwendung auch die Rechte für Energieprodukte geben.",
  "Tesla requires a further step for the account or the application":
    "Tesla verlangt einen weiteren Schritt für das Konto oder die Anwendung",
  "For FleetAPI, register the application in this region (partner account) and check that the account type allows it; then log in again: pwserver --setup.":
    "Für FleetAPI die Anwendung in dieser Region registrieren (Partnerkonto) und prüfen, ob die Kontoart es erlaubt; dann neu anmelden: pwserver --setup.",
  "the account belongs to another region of Tesla's servers":
    "das Konto gehört zu einer anderen Region von Teslas Servern",
  "Run pwserver --setup again and choose the region of the account (North America and Asia-Pacific; Europe, Middle East and Africa; China).":
    "pwserver --setup noch einmal aufrufen und die Region des Kontos wählen (Nordamerika und Asien-Pazifik; Europa, Naher Osten und Afrika; China).",
  "the Tesla account has no such energy site": "das Tesla-Konto hat keine solche Energieanlage",
  "Check PW_SITEID, and that Tesla's app shows the site for this account. Without PW_SITEID, the first site of the account is used.":
    "PW_SITEID prüfen, und ob Teslas App die Anlage für dieses Konto zeigt. Ohne PW_SITEID gilt die erste Anlage des Kontos.",
  "The process of pwserver that reads the gateways has stopped.":
    "Der Prozess von pwserver, der die Gateways liest, steht still.",
  "There is nothing to do: it restarts automatically within seconds. If this persists, look in the server's log, and report what it says.":
    "Es ist nichts zu tun: Er startet in Sekunden von selbst neu. Wenn es dabei bleibt, ins Protokoll des Servers sehen und melden, was dort steht.",
  "HTTP {status} at {path}: {why}": "HTTP {status} bei {path}: {why}",
  "HTTP {status} at {path}": "HTTP {status} bei {path}",
  "the connection is closed": "die Verbindung ist geschlossen",
  "the poll broke ({fault} at {place})": "die Abfrage ist abgebrochen ({fault} bei {place})",
  "no usable Tesla login: run pwserver --setup": "keine brauchbare Anmeldung bei Tesla: pwserver --setup aufrufen",
  "the RSA key file cannot be read": "die Datei mit dem RSA-Schlüssel ist nicht lesbar",
  "the gateway did not accept the connection": "das Gateway hat die Verbindung nicht angenommen",
  "the configuration is unusable: {fault}": "die Konfiguration ist nicht brauchbar: {fault}",
  "the folder of the login cache (PW_CACHE_FILE, else PW_AUTH_PATH) cannot be written":
    "in den Ordner für Anmeldungen (PW_CACHE_FILE, sonst PW_AUTH_PATH) lässt sich nichts schreiben",
  "{file} has no login for the configured account; log in to Tesla: pwserver --setup":
    "{file} hat keine Anmeldung für das eingestellte Konto; bei Tesla anmelden: pwserver --setup",
  "{file} is damaged: {why}; create it again: pwserver --setup":
    "{file} ist beschädigt: {why}; neu anlegen: pwserver --setup",
  "{file} is damaged: {why} ({owner}); write it anew: pwserver --setup":
    "{file} ist beschädigt: {why} ({owner}); neu anlegen: pwserver --setup",
  "{file} is empty ({owner}); write it anew: pwserver --setup":
    "{file} ist leer ({owner}); neu anlegen: pwserver --setup",
  "{file} holds no login ({owner}); write it anew: pwserver --setup":
    "{file} enthält keine Anmeldung ({owner}); neu anlegen: pwserver --setup",
  "{file} is a link to a file that does not exist; write it anew: pwserver --setup":
    "{file} verweist auf eine Datei, die es nicht gibt; neu anlegen: pwserver --setup",
  "{file} cannot be read by {user} ({why}); write it anew: pwserver --setup":
    "{file} ist für {user} nicht lesbar ({why}); neu anlegen: pwserver --setup",
  "{file} cannot be read by {user} ({why}); make it readable":
    "{file} ist für {user} nicht lesbar ({why}); lesbar machen",
  "{file} cannot be read by {user}: {why}": "{file} ist für {user} nicht lesbar: {why}",
  "it holds no JSON": "sie enthält kein JSON",
  "it holds no number of a site": "sie enthält keine Nummer einer Anlage",
  "the account has no token": "das Konto hat keinen Zugangsschlüssel",
  "{name} is missing": "{name} fehlt",
  "AUDIENCE is no address": "AUDIENCE ist keine Adresse",
  "there is no {file} in the folder of logins (PW_AUTH_PATH); log in to Tesla: pwserver --setup":
    "im Ordner für Anmeldungen (PW_AUTH_PATH) gibt es keine Datei {file}; bei Tesla anmelden: pwserver --setup",
  "{name} power {watts} W is beyond {limit} W": "Leistung {name}: {watts} W, möglich sind höchstens {limit} W",
  solar: "Solar",
  battery: "Speicher",
  grid: "Netz",
  site: "Netz",
  home: "Haus",
  load: "Haus",
  generator: "Generator",
  // The likely causes of failed checks.
  "pwserver was not running, or could not record": "pwserver lief nicht oder konnte nicht aufzeichnen",
  "Keep the machine that pwserver runs on switched on, and look in the server's log for what happened then.":
    "Den Rechner, auf dem pwserver läuft, eingeschaltet lassen und im Protokoll des Servers nachsehen, was damals geschah.",
  "the grid was away, or its voltage or frequency was out of range":
    "das Netz war ausgefallen, oder seine Spannung oder Frequenz war außerhalb der Grenzen",
  "If the neighbours had power at the time, have an electrician check the main breaker and the connection to the grid; else ask the utility.":
    "Wenn die Nachbarn zu der Zeit Strom hatten, den Hauptschalter und den Netzanschluss von einer Elektrofachkraft prüfen lassen; sonst den Netzbetreiber fragen.",
  "the house left the grid on purpose": "das Haus hat das Netz absichtlich verlassen",
  "There is nothing to do if that was intended; else look in Tesla's app for what ordered it.":
    "Es ist nichts zu tun, wenn das beabsichtigt war; sonst in Teslas App nachsehen, was es veranlasst hat.",
  "shade, dirt or snow, or a fault of a module or a connector":
    "Schatten, Schmutz oder Schnee, oder ein Fehler eines Moduls oder Steckers",
  "Look at the panels of the string. If nothing covers them, have the installer measure the string.":
    "Die Module des Strings ansehen. Wenn nichts darauf liegt, den String vom Installateur messen lassen.",
  "a device reported a serious alert": "ein Gerät hat eine ernste Meldung abgegeben",
  "Read what the alert means; if it lasts or comes back, report its name to the installer or to Tesla.":
    "Lesen, was die Meldung bedeutet; wenn sie bleibt oder wiederkommt, ihren Namen dem Installateur oder Tesla melden.",
  "the clock of the gateway is wrong": "die Uhr des Gateways geht falsch",
  "Check that the gateway reaches the Internet, from which it takes the time; then restart it.":
    "Prüfen, ob das Gateway das Internet erreicht, von dem es die Zeit hat; dann neu starten.",
  "the clock of the machine that pwserver runs on is probably wrong, as nothing sets it by the network":
    "die Uhr des Rechners, auf dem pwserver läuft, geht wahrscheinlich falsch, denn nichts stellt sie über das Netzwerk",
  "Switch on time synchronisation (NTP) on that machine.":
    "Auf diesem Rechner die Zeitsynchronisation (NTP) einschalten.",
  "the time zone in the settings is not the one that the gateway reports":
    "die Zeitzone in den Einstellungen ist nicht die, die das Gateway meldet",
  "Correct PW_TIMEZONE, or the timezone of this gateway in PW_GATEWAYS, or leave it out: days then begin at the midnight of the house.":
    "PW_TIMEZONE oder timezone dieses Gateways in PW_GATEWAYS berichtigen oder weglassen: Die Tage beginnen dann um Mitternacht des Hauses.",
  // Why something cannot be set, and what helps.
  "Log in to Tesla so that commands go over Tesla's servers (pwserver --setup; PW_EMAIL in addition to PW_HOST), or register a v1r key and connect over the wired network: PW_RSA_KEY_PATH with PW_GW_PWD.":
    "Bei Tesla anmelden, damit Befehle über Teslas Server gehen (pwserver --setup; PW_EMAIL zusätzlich zu PW_HOST), oder einen v1r-Schlüssel registrieren und über das kabelgebundene Netzwerk verbinden: PW_RSA_KEY_PATH mit PW_GW_PWD.",
  "Register a v1r key and connect over the wired network: PW_RSA_KEY_PATH with PW_GW_PWD (Powerwall 3).":
    "Einen v1r-Schlüssel registrieren und über das kabelgebundene Netzwerk verbinden: PW_RSA_KEY_PATH mit PW_GW_PWD (Powerwall 3).",
  "Log in to Tesla: pwserver --setup; PW_EMAIL in addition to PW_HOST.":
    "Bei Tesla anmelden: pwserver --setup; PW_EMAIL zusätzlich zu PW_HOST.",
  "Wait for the connection. If it does not come, look for the reason in the server's log; a new login usually helps: pwserver --setup.":
    "Auf die Verbindung warten. Wenn sie nicht kommt, den Grund im Protokoll des Servers suchen; eine neue Anmeldung hilft meist: pwserver --setup.",
  "Name the site: set siteid for this gateway in PW_GATEWAYS, or set PW_SITEID.":
    "Die Anlage nennen: siteid für dieses Gateway in PW_GATEWAYS oder PW_SITEID setzen.",
  "Wait until the gateway answers again.": "Warten, bis das Gateway wieder antwortet.",
  "Send commands to the server that reads the gateway.": "Befehle an den Server senden, der das Gateway liest.",
  "Set PW_CONTROL_SECRET on the server.": "PW_CONTROL_SECRET auf dem Server setzen.",
  "Connect to the gateway itself: PW_HOST with PW_GW_PWD (TEDAPI), or with PW_PASSWORD (Powerwall 2).":
    "Mit dem Gateway selbst verbinden: PW_HOST mit PW_GW_PWD (TEDAPI) oder mit PW_PASSWORD (Powerwall 2).",
  "Connect to the gateway in the house: PW_HOST with PW_GW_PWD (TEDAPI), or with PW_PASSWORD (Powerwall 2).":
    "Mit dem Gateway im Haus verbinden: PW_HOST mit PW_GW_PWD (TEDAPI) oder mit PW_PASSWORD (Powerwall 2).",
  "Set PW_GW_PWD as well, and point PW_HOST at the gateway on its own WiFi (TEDAPI).":
    "Auch PW_GW_PWD setzen und PW_HOST auf das Gateway in seinem eigenen WLAN richten (TEDAPI).",
  "TEDAPI over WiFi cannot write": "TEDAPI über WLAN kann nicht schreiben",
  "Tesla cloud connection not available (requires hybrid, cloud or FleetAPI mode)":
    "keine Verbindung zu Tesla (nötig ist der Betrieb hybrid, cloud oder FleetAPI)",
  "this goes over Tesla's servers, which are not connected": "das geht über Teslas Server, die nicht verbunden sind",
  "the Tesla account has several sites, and it is not known which of them this gateway is":
    "das Tesla-Konto hat mehrere Anlagen, und es ist nicht bekannt, welche davon dieses Gateway ist",
  "the gateway is not connected": "das Gateway ist nicht verbunden",
  "a replica cannot send commands": "ein Abbild (replica) kann keine Befehle senden",
  "Control Commands Disabled - Set PW_CONTROL_SECRET to enable": "die Steuerung ist ausgeschaltet",
  "Tesla's servers do not report it": "Teslas Server melden es nicht",
  "the local API of this firmware does not report it": "die lokale Schnittstelle dieser Firmware meldet es nicht",
  "the gateway's local API cannot set islanding":
    "die lokale Schnittstelle des Gateways kann die Netzverbindung nicht einstellen",
  "the gateway's local API cannot set max_backup":
    "die lokale Schnittstelle des Gateways kann vollen Notstrom nicht einstellen",
  "the gateway's local API cannot set Battery dispatch":
    "die lokale Schnittstelle des Gateways kann den Speichereinsatz nicht einstellen",
  "the gateway's local API cannot set tariff": "die lokale Schnittstelle des Gateways kann den Tarif nicht einstellen",
  "the gateway's local API cannot set grid_charging":
    "die lokale Schnittstelle des Gateways kann das Laden aus dem Netz nicht einstellen",
  "the gateway's local API cannot set grid_export":
    "die lokale Schnittstelle des Gateways kann die Einspeisung nicht einstellen",
  "the gateway's local API cannot set operation":
    "die lokale Schnittstelle des Gateways kann Betriebsart und Reserve nicht einstellen",
  "the gateway's local API cannot set reserve_hold":
    "die lokale Schnittstelle des Gateways kann die Reserve nicht einstellen",
  "islanding requires v1r LAN transport":
    "die Netzverbindung braucht die Verbindung v1r über das kabelgebundene Netzwerk",
  "max_backup requires v1r LAN transport":
    "voller Notstrom braucht die Verbindung v1r über das kabelgebundene Netzwerk",
  "Battery dispatch requires v1r LAN transport":
    "der Speichereinsatz braucht die Verbindung v1r über das kabelgebundene Netzwerk",
  "tariff requires v1r LAN transport": "der Tarif braucht die Verbindung v1r über das kabelgebundene Netzwerk",
  "Basic LAN cannot write": "Basic LAN kann nicht schreiben",
  "Powers cannot write": "Powers kann nicht schreiben",
  "Mixed cannot write": "Mixed kann nicht schreiben",
  "Local cannot write": "Local kann nicht schreiben",
  "Cloud cannot write": "Cloud kann nicht schreiben",
  "FleetAPI cannot write": "FleetAPI kann nicht schreiben",
  "this connection cannot write": "diese Verbindung kann nicht schreiben",
  // What became of a command.
  "Control operation failed for {action}: {why}": "{why}",
  "the poller is not running": "der Prozess, der die Gateways liest, läuft nicht",
  "too many commands are waiting": "es warten zu viele Befehle",
  "the command could not be handed to the poller":
    "der Befehl ließ sich dem Prozess, der die Gateways liest, nicht übergeben",
  "outcome unknown: {why}": "{why}",
  "the poller was restarted meanwhile": "der Prozess, der die Gateways liest, wurde inzwischen neu gestartet",
  "the poller was restarted; nothing was sent":
    "der Prozess, der die Gateways liest, wurde neu gestartet; es wurde nichts gesendet",
  "the gateway was busy for too long; nothing was sent":
    "das Gateway war zu lange beschäftigt; es wurde nichts gesendet",
  "no answer in time; look before you try again":
    "keine Antwort in der gegebenen Zeit; vor einem neuen Versuch nachsehen",
  "{fault} in the poller": "{fault} im Prozess, der die Gateways liest",
  "the answer is too long": "die Antwort ist zu lang",
  "another command of this gateway is still under way": "ein anderer Befehl an dieses Gateway läuft noch",
  "a command with this Idempotency-Key has been taken already":
    "ein Befehl mit diesem Idempotency-Key ist schon angenommen",
  "Battery state of charge unavailable": "der Ladestand des Speichers ist nicht bekannt",
  "notices are switched off: PW_NOTICE_URLS is not set":
    "Nachrichten sind ausgeschaltet: PW_NOTICE_URLS ist nicht gesetzt",
  "nothing was sent": "es wurde nichts gesendet",
  "another test is still under way": "eine andere Probe läuft noch",
  "islanding was commanded a moment ago; try again in {time}":
    "die Netzverbindung wurde gerade erst geändert; wieder möglich in {time}",
  "the gateway is busy; nothing was sent": "das Gateway ist beschäftigt; es wurde nichts gesendet",
  "the gateway asked us to wait": "das Gateway hat um eine Pause gebeten",
  "the request budget of this gateway is spent for the moment":
    "dieses Gateway ist im Augenblick schon so oft gefragt worden, wie es erlaubt ist",
  "the time to start was over; nothing was sent": "es war zu spät, um zu beginnen; es wurde nichts gesendet",
  "the request was sent, but no answer came; look before you try again":
    "die Anfrage wurde gesendet, aber es kam keine Antwort; vor einem neuen Versuch nachsehen",
  "Tesla refused: {why}": "Tesla hat abgelehnt: {why}",
  "Tesla did not acknowledge": "Tesla hat nicht bestätigt",
  "the gateway refused: {why}": "das Gateway hat abgelehnt: {why}",
  "the gateway did not acknowledge": "das Gateway hat nicht bestätigt",
  "The gateway did not acknowledge islanding. Check grid status before retrying.":
    "Das Gateway hat nicht bestätigt. Vor einem neuen Versuch nachsehen, ob das Haus am Netz ist.",
  "no connection to the gateway; nothing was sent": "keine Verbindung zum Gateway; es wurde nichts gesendet",
  "the gateway's present mode and reserve are not known; nothing was sent":
    "Betriebsart und Reserve des Gateways sind zurzeit nicht bekannt; es wurde nichts gesendet",
  "Gateway {name} not found": "es gibt kein Gateway {name}",
  "No gateways configured": "es ist kein Gateway eingerichtet",
  "Control features not enabled": "die Steuerung ist ausgeschaltet",
  "Too many wrong tokens; try again in {time}": "zu viele falsche Kennwörter; wieder möglich in {time}",
  "'{field}' must be a whole number from {least} to {most}, not {value}":
    "„{field}“ muss eine ganze Zahl von {least} bis {most} sein, nicht {value}",
  "'{field}' must be a number from {least} to {most}, not {value}":
    "„{field}“ muss eine Zahl von {least} bis {most} sein, nicht {value}",
  // Notices to the owner, and the MQTT broker.
  "The service cannot be reached.": "Der Dienst ist nicht zu erreichen.",
  "Check host and port in the address, and the network of this machine.":
    "Rechner und Port in der Adresse und das Netzwerk dieses Rechners prüfen.",
  "The service refuses the login.": "Der Dienst lehnt die Anmeldung ab.",
  "Check the user, password or token in the address.":
    "Benutzer, Passwort oder Zugangsschlüssel in der Adresse prüfen.",
  "The service does not accept the message.": "Der Dienst nimmt die Nachricht nicht an.",
  "Check topic, channel or recipient in the address.": "Thema, Kanal oder Empfänger in der Adresse prüfen.",
  "The service did not answer in time.": "Der Dienst hat nicht rechtzeitig geantwortet.",
  "Wait: it is tried again. Check the service if that goes on.":
    "Warten: Es wird wieder versucht. Den Dienst prüfen, wenn es dabei bleibt.",
  "The process that sends has ended.": "Der Prozess, der sendet, ist zu Ende.",
  "It is started again by itself; the log says more if that goes on.":
    "Er startet von selbst neu; wenn es dabei bleibt, steht mehr im Protokoll.",
  "no MQTT answer within {seconds} s; check MQTT_HOST and MQTT_PORT, and whether the broker expects TLS there (MQTT_TLS)":
    "innerhalb von {seconds} s keine MQTT-Antwort; MQTT_HOST und MQTT_PORT prüfen, und ob der Broker dort TLS erwartet (MQTT_TLS)",
  "MQTT needs the Python package aiomqtt, which is not installed: pip install aiomqtt":
    "MQTT braucht das Python-Paket aiomqtt, das nicht installiert ist: pip install aiomqtt",
  "an attempt to connect is under way": "ein Versuch, zu verbinden, läuft",
  "the server has just started": "der Server ist gerade erst gestartet",
  "a part of the session ended": "ein Teil der Verbindung ist zu Ende",
  "session ended": "die Verbindung ist zu Ende",
  "not connected": "nicht verbunden",
  "the broker refused the subscription": "der Broker hat das Abonnement abgelehnt",
  // Why the history is in memory only.
  "PW_HISTORY_PATH={path} asks for that": "PW_HISTORY_PATH={path} verlangt das",
  "PW_TIMESERIES_PATH={path} asks for that": "PW_TIMESERIES_PATH={path} verlangt das",
  "PW_TIMESERIES_PATH={path} is a device and keeps nothing":
    "PW_TIMESERIES_PATH={path} ist ein Gerät und behält nichts",
  "this is a demo; PW_HISTORY_PATH names a folder to keep it in":
    "das ist eine Vorführung; PW_HISTORY_PATH nennt einen Ordner, in dem er bleibt",
  "no folder was named; PW_HISTORY_PATH names one": "es ist kein Ordner genannt; PW_HISTORY_PATH nennt einen",
  // What of the history the disk does not take.
  "the history does not reach the disk: {why}": "der Verlauf erreicht den Datenträger nicht: {why}",
  "its files have been removed; a restart makes new ones": "seine Dateien wurden entfernt; ein Neustart legt neue an",
  "the disk takes nothing for {count} files of the history: {why}; make room on it, and they are recorded in again by themselves":
    "der Datenträger nimmt für {count} Dateien des Verlaufs nichts an: {why}; Platz schaffen, dann geht es von selbst weiter",
  "No space left on device": "kein Platz mehr frei",
  // Why a check is not known.
  "nothing is known of this house yet": "von diesem Haus ist noch nichts bekannt",
  "fewer than 3 days are known": "es sind weniger als 3 Tage bekannt",
  "the history is not recorded": "der Verlauf wird nicht aufgezeichnet",
  "the connection does not report alerts": "die Verbindung meldet keine Gerätemeldungen",
  "the connection does not report the state of the grid": "die Verbindung meldet den Zustand des Netzes nicht",
  "the gateway reports no solar strings": "das Gateway meldet keine Solarstrings",
  "the gateway reports neither its time nor its time zone": "das Gateway meldet weder seine Zeit noch seine Zeitzone",
  // Strings, batteries, value.
  "fewer than 15 sunny and complete days are known": "es sind weniger als 15 sonnige und vollständige Tage bekannt",
  "there was no sunny and complete day in the last 30 days":
    "in den letzten 30 Tagen gab es keinen sonnigen und vollständigen Tag",
  "there is no other string to compare with": "es gibt keinen anderen String zum Vergleichen",
  "A string is weak when on each of the last 5 sunny days it gave less than 80 % of its own earlier share. The share is its energy of a day divided by the median of the other strings'. A day counts when it is complete and the house made at least half of the best day of the last month. The earlier share is the median of the same season a year before where that is known, else of all earlier days, without those on which it was weak. Days on which other neighbours were weak than now do not count, as that alone changes a share.":
    "Ein String ist schwach, wenn er an jedem der letzten 5 sonnigen Tage weniger als 80 % seines eigenen früheren Anteils gegeben hat. Der Anteil ist seine Energie eines Tages, geteilt durch den Median der anderen Strings. Ein Tag zählt, wenn er vollständig ist und das Haus mindestens die Hälfte des besten Tages des letzten Monats erzeugt hat. Der frühere Anteil ist der Median derselben Jahreszeit ein Jahr zuvor, wo der bekannt ist, sonst aller früheren Tage, ohne die, an denen er schwach war. Tage, an denen andere Nachbarn schwach waren als jetzt, zählen nicht, denn schon das ändert einen Anteil.",
  "the same season a year before": "dieselbe Jahreszeit ein Jahr zuvor",
  "all earlier days": "alle früheren Tage",
  "State of health is what the battery's own management believes it holds when full, as the median of 30 days, in percent of the nameplate. New units read above 100 %. It is an estimate that moves with temperature, use and firmware; it is no measurement of the capacity and no proof for a warranty claim.":
    "Der Zustand (SoH) ist das, was der Speicher nach eigener Rechnung fasst, wenn er voll ist, als Median von 30 Tagen, in Prozent der Nennkapazität. Neue Geräte zeigen über 100 %. Er ist eine Schätzung, die mit Temperatur, Gebrauch und Firmware schwankt; er ist keine Messung der Kapazität und kein Beleg für einen Garantiefall.",
  "the nameplate energy of this part is not publicly known":
    "die Nennkapazität dieses Teils ist nicht öffentlich bekannt",
  "no day with a full energy has been recorded yet": "es ist noch kein Tag mit voller Energie aufgezeichnet",
  "fewer than 90 days since the beginning, the last step or the last change of source":
    "weniger als 90 Tage seit dem Beginn, dem letzten Sprung oder dem letzten Wechsel der Quelle",
  "the gateway does not count this energy": "das Gateway zählt diese Energie nicht",
  "No tariff is known, so nothing has a price.": "Es ist kein Tarif bekannt, deshalb hat nichts einen Preis.",
  "Give the tariff in a file that PW_TARIFF_FILE names; docs/value.md has examples.":
    "Den Tarif in einer Datei angeben, die PW_TARIFF_FILE nennt; docs/value.md hat Beispiele.",
  "The sum needs a tariff of every house; none is known of {names}.":
    "Die Summe braucht einen Tarif von jedem Haus; keiner ist bekannt von {names}.",
  "It is not known in which currency {names} pays, so nothing can be added up.":
    "Es ist nicht bekannt, in welcher Währung {names} zahlt, deshalb lässt sich nichts zusammenzählen.",
  "The houses pay in different currencies: {names}.": "Die Häuser zahlen in verschiedenen Währungen: {names}.",
  "Choose one of the houses (gateway=ID).": "Eines der Häuser wählen (gateway=ID).",
  "Days without a value: {count}. Only their totals are known, and no single price held on them all day.":
    "Tage ohne Wert: {count}. Von ihnen ist nur die Summe bekannt, und kein einzelner Preis galt den ganzen Tag.",
  "Days left out of the sum, because one of the houses has no value: {count}.":
    "Tage, die in der Summe fehlen, weil eines der Häuser keinen Wert hat: {count}.",
  "Quarter hours left out of the sum, because one of the houses has no value: {count}.":
    "Viertelstunden, die in der Summe fehlen, weil eines der Häuser keinen Wert hat: {count}.",
  "The sum is without {names}, of which nothing was ever recorded.":
    "In der Summe fehlt, wovon nie etwas aufgezeichnet wurde: {names}.",
  // Why a house is not in a sum.
  "has no data": "hat keine Daten",
  "does not answer": "antwortet nicht",
  "reports implausible figures": "meldet Werte, die nicht stimmen können",
  // Signals of devices.
  "Powerwall temperatures": "Temperaturen der Powerwalls",
  "Fan speed": "Lüfterdrehzahl",
  "Fan duty cycle": "Lüfterleistung",
  "Powerwall units": "Einzelne Powerwalls",
  "Power of solar strings": "Leistung der Solarstrings",
  "Voltage of solar strings": "Spannung der Solarstrings",
  "Current of solar strings": "Strom der Solarstrings",
  "Further meters": "Weitere Zähler",
  "Pack temp (max)": "Zellblock (höchste)",
  "Pack temp (min)": "Zellblock (niedrigste)",
  "Shunt temp": "Messwiderstand",
  "Inverter ambient": "Umgebung des Wechselrichters",
  "Thermal controller ambient": "Umgebung des Thermoreglers",
  "Fan A speed": "Drehzahl Lüfter A",
  "Fan B speed": "Drehzahl Lüfter B",
  "Fan target speed": "Solldrehzahl des Lüfters",
  "Fan A duty": "Leistung Lüfter A",
  "Fan B duty": "Leistung Lüfter B",
  Charge: "Ladestand",
  Energy: "Energie",
  Power: "Leistung",
  Voltage: "Spannung",
  Current: "Strom",
  // Names of devices.
  "Battery Expansion": "Speichererweiterung",
  // What alerts mean.
  "At least one Powerwall has a fault.": "Mindestens eine Powerwall hat einen Fehler.",
  "The gateway cannot reach at least one Powerwall.": "Das Gateway erreicht mindestens eine Powerwall nicht.",
  "The gateway has shut out at least one Powerwall.": "Das Gateway hat mindestens eine Powerwall ausgeschlossen.",
  "The system could not start on its own without the grid.":
    "Die Anlage konnte ohne das Netz nicht von selbst starten.",
  "The switch between house and grid did not open when it was told to.":
    "Der Schalter zwischen Haus und Netz öffnete nicht, als er es sollte.",
  "The Powerwall does not take over the supply of the house.":
    "Die Powerwall übernimmt die Versorgung des Hauses nicht.",
  "The gateway cannot reach the switch between house and grid.":
    "Das Gateway erreicht den Schalter zwischen Haus und Netz nicht.",
  "Owners have seen it together with a failed Powerwall; what it means is not published.":
    "Sie kam zusammen mit einer ausgefallenen Powerwall vor; was sie bedeutet, ist nicht veröffentlicht.",
  "By its name: a fault of the grid opened the switch between house and grid.":
    "Dem Namen nach: Ein Fehler des Netzes hat den Schalter zwischen Haus und Netz geöffnet.",
  "The program that decides when to charge and discharge is not running.":
    "Das Programm, das über Laden und Entladen entscheidet, läuft nicht.",
  "The system was shut down from outside, by its off switch for instance.":
    "Die Anlage wurde von außen abgeschaltet, zum Beispiel mit ihrem Ausschalter.",
  "The supply of the house failed more than once without the grid and waits to be restarted by hand.":
    "Die Versorgung des Hauses ist ohne Netz mehr als einmal ausgefallen und muss von Hand neu gestartet werden.",
  "The battery is too empty to supply the house; it waits for sun.":
    "Der Speicher ist zu leer, um das Haus zu versorgen; er wartet auf Sonne.",
  "An update of the firmware failed.": "Eine Aktualisierung der Firmware ist fehlgeschlagen.",
  "By its name: a battery pack does not answer.": "Dem Namen nach: Ein Batterieblock antwortet nicht.",
  "By its name: the voltage of the battery is too high.": "Dem Namen nach: Die Spannung des Speichers ist zu hoch.",
  "By its name: the current of the battery is too high.": "Dem Namen nach: Der Strom des Speichers ist zu hoch.",
  "By its name: the voltage of a cell is too high.": "Dem Namen nach: Die Spannung einer Zelle ist zu hoch.",
  "By its name: the monitor of some cells does not answer.":
    "Dem Namen nach: Die Überwachung einiger Zellen antwortet nicht.",
  "By its name: the battery pack failed its self-test.":
    "Dem Namen nach: Der Batterieblock hat seinen Selbsttest nicht bestanden.",
  "By its name: the battery pack reports a fault of its hardware.":
    "Dem Namen nach: Der Batterieblock meldet einen Fehler seiner Hardware.",
  "Solar production is locked out after an electric arc was detected.":
    "Die Solarerzeugung ist gesperrt, nachdem ein Lichtbogen erkannt wurde.",
  "By its name: the insulation of the solar panels against earth is too low.":
    "Dem Namen nach: Die Isolation der Solarmodule gegen Erde ist zu gering.",
  "By its name: the unit is locked out after faults of its insulation.":
    "Dem Namen nach: Das Gerät ist nach Isolationsfehlern gesperrt.",
  "By its name: the rapid shutdown of the solar panels is active.":
    "Dem Namen nach: Die Schnellabschaltung der Solarmodule ist aktiv.",
  "By its name: a relay of the solar inverter failed its test.":
    "Dem Namen nach: Ein Relais des Solarwechselrichters hat seinen Test nicht bestanden.",
  "By its name: a relay of the solar inverter is stuck.": "Dem Namen nach: Ein Relais des Solarwechselrichters klemmt.",
  "By its name: the grid failed, and the house runs without it.":
    "Dem Namen nach: Das Netz ist ausgefallen, und das Haus läuft ohne Netz.",
  "A breaker between meter and Powerwall is open.": "Ein Schutzschalter zwischen Zähler und Powerwall ist offen.",
  "The battery does not deliver the power that it was told to.":
    "Der Speicher liefert nicht die Leistung, die er soll.",
  "The battery does not deliver the reactive power that it was told to.":
    "Der Speicher liefert nicht die Blindleistung, die er soll.",
  "The gateway has lost the connection to this meter, whose values may be missing or 0.":
    "Das Gateway hat die Verbindung zu diesem Zähler verloren, dessen Werte fehlen oder 0 sein können.",
  "The gateway has lost the connection to the solar inverter.":
    "Das Gateway hat die Verbindung zum Solarwechselrichter verloren.",
  "The gateway has lost the connection to its external inputs and outputs.":
    "Das Gateway hat die Verbindung zu seinen äußeren Ein- und Ausgängen verloren.",
  "The house could not be joined to the grid again within five minutes.":
    "Das Haus ließ sich nicht innerhalb von fünf Minuten wieder mit dem Netz verbinden.",
  "A solar inverter has produced nothing for 24 hours.": "Ein Solarwechselrichter hat 24 Stunden lang nichts erzeugt.",
  "At least one solar string produces nothing.": "Mindestens ein Solarstring erzeugt nichts.",
  "The generator did not close its breaker in time.":
    "Der Generator hat seinen Schalter nicht rechtzeitig geschlossen.",
  "The generator has a fault.": "Der Generator hat einen Fehler.",
  "By its name: too much voltage is lost in the wiring.":
    "Dem Namen nach: In den Leitungen geht zu viel Spannung verloren.",
  "The gateway is busy, often because it is asked too much.":
    "Das Gateway ist ausgelastet, oft weil es zu viel gefragt wird.",
  "By its name: the settings for the grid could not be written.":
    "Dem Namen nach: Die Einstellungen für das Netz ließen sich nicht schreiben.",
  "Owners have seen it when a firmware update failed on some Powerwalls.":
    "Sie kam vor, wenn eine Aktualisierung der Firmware auf einigen Powerwalls fehlschlug.",
  "By its name: power is limited by the current that the panel may carry.":
    "Dem Namen nach: Die Leistung ist durch den Strom begrenzt, den die Verteilung führen darf.",
  "By its name: the wire between the parts of the system is too busy.":
    "Dem Namen nach: Die Leitung zwischen den Teilen der Anlage ist überlastet.",
  "By its name: the house was without power.": "Dem Namen nach: Das Haus war ohne Strom.",
  "By its name: the house was without power for longer.": "Dem Namen nach: Das Haus war längere Zeit ohne Strom.",
  "By its name: the controller of the site does not answer the grid switch.":
    "Dem Namen nach: Die Steuerung der Anlage antwortet dem Netzschalter nicht.",
  "By its name: the grid's voltage was too low.": "Dem Namen nach: Die Spannung des Netzes war zu niedrig.",
  "By its name: the grid's voltage was too high.": "Dem Namen nach: Die Spannung des Netzes war zu hoch.",
  "By its name: the grid's frequency was too low.": "Dem Namen nach: Die Frequenz des Netzes war zu niedrig.",
  "By its name: the grid's frequency was too high.": "Dem Namen nach: Die Frequenz des Netzes war zu hoch.",
  "By its name: the grid's frequency changed too fast.":
    "Dem Namen nach: Die Frequenz des Netzes hat sich zu schnell geändert.",
  "The grid was disturbed; owners see it when lights flicker and after outages.":
    "Das Netz war gestört; das zeigt sich bei flackerndem Licht und nach Netzausfällen.",
  "Owners have seen it when the grid failed and when it came back.":
    "Sie kam vor, wenn das Netz ausfiel und wenn es wiederkam.",
  "By its name: the connection to the grid has too much resistance.":
    "Dem Namen nach: Der Anschluss an das Netz hat zu viel Widerstand.",
  "By its name: the battery pack measures some of its cells inconsistently.":
    "Dem Namen nach: Der Batterieblock misst einige seiner Zellen widersprüchlich.",
  "By its name: the voltage of a group of cells is close to a limit.":
    "Dem Namen nach: Die Spannung einer Zellgruppe ist nahe an einer Grenze.",
  "By its name: the cells of the battery pack are not charged alike.":
    "Dem Namen nach: Die Zellen des Batterieblocks sind nicht gleich geladen.",
  "By its name: charging is limited because the cells of the battery pack are not charged alike.":
    "Dem Namen nach: Das Laden ist begrenzt, weil die Zellen des Batterieblocks nicht gleich geladen sind.",
  "By its name: a group of cells holds less than it should.":
    "Dem Namen nach: Eine Zellgruppe fasst weniger, als sie sollte.",
  "By its name: the battery pack is too empty to start.":
    "Dem Namen nach: Der Batterieblock ist zu leer, um zu starten.",
  "The solar inverter is too hot and may produce less.":
    "Der Solarwechselrichter ist zu heiß und erzeugt vielleicht weniger.",
  "A fan of the solar inverter has failed.": "Ein Lüfter des Solarwechselrichters ist ausgefallen.",
  "A fan of the solar inverter does not run at the speed it should.":
    "Ein Lüfter des Solarwechselrichters läuft nicht so schnell, wie er soll.",
  "By its name: two parts of the solar inverter do not hear each other.":
    "Dem Namen nach: Zwei Teile des Solarwechselrichters hören einander nicht.",
  "By its name: the solar inverter has found a string unsafe.":
    "Dem Namen nach: Der Solarwechselrichter hat einen String für unsicher befunden.",
  "By its name: a sensor of the solar inverter gives impossible values.":
    "Dem Namen nach: Ein Sensor des Solarwechselrichters liefert unmögliche Werte.",
  "By its name: a relay of the solar inverter behaves oddly.":
    "Dem Namen nach: Ein Relais des Solarwechselrichters verhält sich seltsam.",
  "By its name: the switches in the solar strings opened because of a fault.":
    "Dem Namen nach: Die Schalter in den Solarstrings haben wegen eines Fehlers geöffnet.",
  "The house is connected to the grid.": "Das Haus ist mit dem Netz verbunden.",
  "The house runs without the grid.": "Das Haus läuft ohne das Netz.",
  "The battery takes part in a virtual power plant now.":
    "Der Speicher nimmt gerade an einem virtuellen Kraftwerk teil.",
  "The owner took the house off the grid.": "Das Haus wurde absichtlich vom Netz getrennt.",
  "The grid switch was asked to leave the grid.": "Der Netzschalter sollte das Netz verlassen.",
  "The grid switch was asked to join the grid.": "Der Netzschalter sollte das Netz verbinden.",
  "The firmware was updated; the notice stays for a while.":
    "Die Firmware wurde aktualisiert; der Hinweis bleibt eine Weile.",
  "A notice that remains from the setup; owners see it on sound systems.":
    "Ein Hinweis, der von der Einrichtung übrig ist; er kommt auf gesunden Anlagen vor.",
  "A Powerwall cannot reach its controller; owners see it while firmware is updated.":
    "Eine Powerwall erreicht ihren Regler nicht; das kommt vor, während die Firmware aktualisiert wird.",
  "By its name: a motor or another large load is starting.":
    "Dem Namen nach: Ein Motor oder ein anderer großer Verbraucher läuft an.",
  "By its name: the battery tests its own health now.":
    "Dem Namen nach: Der Speicher prüft gerade seinen eigenen Zustand.",
  "Owners see it on sound systems; what it means is not published.":
    "Sie kommt auf gesunden Anlagen vor; was sie bedeutet, ist nicht veröffentlicht.",
  "Owners have seen it while firmware was updated; what it means is not published.":
    "Sie kam vor, während Firmware aktualisiert wurde; was sie bedeutet, ist nicht veröffentlicht.",
  "By its name: a part of the system started.": "Dem Namen nach: Ein Teil der Anlage ist gestartet.",
  "The battery pack is full.": "Der Batterieblock ist voll.",
  "By its name: the battery pack asks to be charged.":
    "Dem Namen nach: Der Batterieblock bittet darum, geladen zu werden.",
  "By its name: the battery pack is fully discharged.": "Dem Namen nach: Der Batterieblock ist ganz entladen.",
  "Discharging is limited because the system may hardly export, often before the utility has given its permission.":
    "Das Entladen ist begrenzt, weil die Anlage kaum einspeisen darf, oft bevor der Netzbetreiber zugestimmt hat.",
  "The battery cannot take or give as much as it was asked to, because it is full for instance.":
    "Der Speicher kann nicht so viel aufnehmen oder abgeben, wie verlangt wurde, zum Beispiel weil er voll ist.",
  "A limit from the installation keeps the battery from the power it was asked for.":
    "Eine Grenze aus der Installation hält den Speicher von der verlangten Leistung ab.",
  "The reactive power that was asked for is more than is available.":
    "Es ist mehr Blindleistung verlangt, als verfügbar ist.",
  "The power is still on its way to the value that was asked for.":
    "Die Leistung ist noch auf dem Weg zum verlangten Wert.",
  "The battery is down to its reserve, so the grid takes over.":
    "Der Speicher ist bis auf seine Reserve entladen, deshalb übernimmt das Netz.",
  "A limit of the site's highest power holds the battery back.":
    "Eine Grenze der höchsten Leistung der Anlage hält den Speicher zurück.",
  "A limit of the site's lowest power holds the battery back.":
    "Eine Grenze der niedrigsten Leistung der Anlage hält den Speicher zurück.",
  "The battery may be charged from the sun only, and there is not enough.":
    "Der Speicher darf nur mit Solarstrom geladen werden, und davon ist nicht genug da.",
  "The inverter supports the grid because of the grid's condition.":
    "Der Wechselrichter stützt das Netz wegen dessen Zustands.",
  "The system sleeps because the battery is empty and there is no grid.":
    "Die Anlage schläft, weil der Speicher leer und kein Netz da ist.",
  "The solar inverter tests itself, as it does when it starts.":
    "Der Solarwechselrichter prüft sich selbst, wie er es beim Start tut.",
  "The switch in this solar string is open: the string is not connected.":
    "Der Schalter in diesem Solarstring ist offen: Der String ist nicht verbunden.",
  "The switches in the solar strings are open, as they are without sun or after an emergency stop.":
    "Die Schalter in den Solarstrings sind offen, wie ohne Sonne oder nach einem Not-Aus.",
  "The switches in the solar strings are closed: solar production can begin.":
    "Die Schalter in den Solarstrings sind geschlossen: Die Solarerzeugung kann beginnen.",
};
