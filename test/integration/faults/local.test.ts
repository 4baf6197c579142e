import { prove } from './proof.ts';
import { LOCAL_TRIALS } from './trials.ts';

prove('on one host ', LOCAL_TRIALS, (trial, options) => trial.hold(options));
