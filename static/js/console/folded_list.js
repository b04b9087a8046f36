// A list about all houses together that is too long for a card: what is in trouble and some more, and a button for all.
import { attribute, h, text } from "../core/dom.js";
import { say } from "../core/texts.js";

/** @template Entry */
export class FoldedList {
  isOpen = false;
  button = h("button.button.quiet.fold", { type: "button", hidden: true });

  /**
   * ``most``: how many entries are shown at least; ``onChange`` is called when the reader opens or folds the list.
   * @param {number} most
   * @param {(entry: Entry) => boolean} isInTrouble such entries come first, and are always shown
   * @param {() => void} onChange
   */
  constructor(most, isInTrouble, onChange) {
    this.most = most;
    this.isInTrouble = isInTrouble;
    this.button.addEventListener("click", () => {
      this.isOpen = !this.isOpen;
      onChange();
    });
  }

  /** Return what is shown of the entries of several houses. @param {Entry[]} entries */
  shown(entries) {
    const troubled = entries.filter((entry) => this.isInTrouble(entry));
    const sorted = [...troubled, ...entries.filter((entry) => !troubled.includes(entry))];
    const room = Math.max(this.most, troubled.length);
    this.button.hidden = entries.length <= room;
    attribute(this.button, "aria-expanded", String(this.isOpen));
    text(this.button, this.isOpen ? say("fold.fewer") : say("fold.all", { count: entries.length }));
    return this.isOpen ? sorted : sorted.slice(0, room);
  }

  /** Show all of one house, in its own order. @param {Entry[]} entries */
  unfolded(entries) {
    this.button.hidden = true;
    return entries;
  }
}
