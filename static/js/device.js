// What a page asks of the device that shows it: keep the screen on, and keep the page's files.
import { keepForOffline } from "./core/offline_files.js";
import { keepScreenOn } from "./core/wake_lock.js";

keepScreenOn();
// Where the pages are pushed sideways, this one is in sight.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
if (document.readyState === "complete") keepForOffline();
else addEventListener("load", keepForOffline);
