/** A rule of the protocol: a name, the sentence that has to be true of every run, and the check that finds where it is not. Pure. */
import type { Entry } from '../history.ts';
import type { View } from './view.ts';

/** What breaks a rule: which fact, and what is wrong with it. */
export type Finding = { readonly rule: string; readonly address: string; readonly message: string };

export type Rule = {
  readonly name: string;
  readonly sentence: string;
  readonly check: (view: View) => Finding[];
};

/** Tells about an entry what is wrong with it. */
type Tell = (entry: Pick<Entry, 'address'>, message: string) => void;

/** Declares a rule by the function that looks through a run and tells of everything that breaks it. */
export function rule(name: string, sentence: string, look: (view: View, tell: Tell) => void): Rule {
  return {
    name,
    sentence,
    check: (view) => {
      const found: Finding[] = [];
      look(view, ({ address }, message) => found.push({ rule: name, address, message }));
      return found;
    },
  };
}
