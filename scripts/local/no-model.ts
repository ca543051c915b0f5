/** Settings without a model, so that scripts answer on any machine. */
export const NO_MODEL = { OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, REEL_MODEL: undefined, REEL_MODELS: undefined };
