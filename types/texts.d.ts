// The texts of the pages: which there are, and what is to be filled in. The English files decide, so a misspelt key is an
// error.

type CommonTexts = typeof import("../static/js/texts/en.js").TEXTS;
type HistoryTexts = typeof import("../static/js/texts/en_history.js").TEXTS;
type EnglishTexts = CommonTexts & HistoryTexts;
type TextKey = keyof EnglishTexts;

/** The keys that begin with these letters, without them: of "mode." those of the modes. */
type TextsOf<Begin extends string> = TextKey extends infer Key
  ? Key extends `${Begin}${infer Rest}`
    ? Rest
    : never
  : never;

/** The {names} in a text. */
type NamesIn<Words extends string> = Words extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never;

/** What a text wants to be filled in; one that counts chooses its form by ``n``. */
type NamesOf<Text> = Text extends { one: infer One extends string; other: infer Other extends string }
  ? "n" | NamesIn<One> | NamesIn<Other>
  : Text extends string
    ? NamesIn<Text>
    : never;

/** The values of a text; none for one without names. */
type TextValues<Key extends TextKey> = [NamesOf<EnglishTexts[Key]>] extends [never]
  ? []
  : [values: Record<NamesOf<EnglishTexts[Key]>, string | number> & { n?: number }];

/** A file of texts in another language: the same keys, and two forms where English has two. */
type TranslationOf<English> = {
  readonly [Key in keyof English]: English[Key] extends string ? string : { one: string; other: string };
};

/** What a page has of them: its own, and what the server says by its English sentence. */
type Texts = { TEXTS: TranslationOf<EnglishTexts>; SERVER_TEXTS: Readonly<Record<string, string>> };
