/** A hook of Node's module loader: what modules in a folder import of the project is what the caller has. Runs in a thread of Node's own. */
import type { InitializeHook, ResolveHook } from 'node:module';

/** Both are URLs: of the user's folder, and of the caller. */
interface Place {
  folder: string;
  from: string;
}

const places: Place[] = [];

export const initialize: InitializeHook<Place> = (place) => {
  places.push(place);
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const { parentURL = '' } = context;
  const own = places.find(({ folder }) => parentURL.startsWith(folder));
  if (!own || parentURL.includes('/node_modules/') || !/^@(refconv|tensorflow)\//.test(specifier))
    return next(specifier, context);
  return next(specifier, { ...context, parentURL: own.from });
};
