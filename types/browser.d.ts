// What scripts outside the modules put into the window.

interface Window {
  /** The answer to the question for the first figures, asked by before_first_paint.js. */
  pwserverFirst?: Promise<Response>;
  /** The texts of the page in its language, chosen by before_first_paint.js. */
  pwserverTexts?: Promise<Texts>;
}

/** Swagger UI and Redoc come with no types of their own; each page makes one call. */
declare function SwaggerUIBundle(options: Record<string, unknown>): void;
declare const Redoc: { init(address: string, options: Record<string, unknown>, element: HTMLElement | null): void };
