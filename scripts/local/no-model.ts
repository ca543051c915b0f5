/** The settings under which no model is configured, whatever is on this machine: scripts answer. */
export const NO_MODEL = { OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, REEL_MODEL: undefined, REEL_MODELS: undefined };
