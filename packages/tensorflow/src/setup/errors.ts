/** A set-up that cannot go on for a reason that the user can do something about. */
export class SetupError extends Error {
  override readonly name = 'SetupError';

  /**
   * @param message what went wrong, and what was expected
   * @param remedy what to do about it
   */
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }

  /** Message and remedy, as they are shown to a user. */
  get text(): string {
    return `${this.message}\n${this.remedy}`;
  }
}

/** The set-up was asked to stop (Ctrl-C, SIGTERM). */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  constructor() {
    super('The set-up was stopped. Nothing unfinished was left behind; it starts anew the next time.');
  }
}
