// What the console and its cards are to each other.

/** What cards are given. */
interface ConsoleApp {
  /** The newest /api/site; null until it is heard. */
  overview: SiteOverview | null;
  /** The house or the sum that is shown; null until something is heard. */
  shown: import("../static/js/core/subject.js").Subject | null;
  /** The documents of the houses whose details are shown, in the order of the configuration. */
  houses: SiteHouse[];
  /** The id of the chosen house; empty: all of them. */
  gateway: string;
  /** The server does not answer. */
  lost: boolean;
  /** What is shown is old or unknown. */
  faded: boolean;
}

/** A card that is shown. */
interface LiveCard {
  /** Runs once a second and on every message. */
  update?(app: ConsoleApp): void;
  /**
   * Runs every ``every`` seconds (30 without a number), and when the card comes. It resolves with false where the server
   * left a question without an answer: what was shown stays, and it runs again soon.
   */
  refresh?(): Promise<boolean>;
  every?: number;
  /** The card fades when its figures are old. */
  live?: boolean;
  remove?(): void;
}

/** A row of the table of cards. */
interface Card {
  /** As ``?hide=`` has it. */
  id: string;
  title: string;
  /** How many of twelve columns it takes. */
  span: number;
  /** It takes a whole row where there is less room. */
  wide?: boolean;
  /** ``hint`` writes the words beside the title. */
  create(card: HTMLElement, app: ConsoleApp, hint: (words: string) => void): LiveCard;
}
