/**
 * A TensorFlow of one function, in a real wheel with the real one's layout, and add-ons that call it: with it the whole set-up
 * (pip, unpacking, compiling, renaming) takes two seconds.
 */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { npmFolder } from '../paths.js';
import { type Addon, fromWheels, type Plan } from '../plan.js';

const execute = promisify(execFile);

const WHEEL = 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl';
/** Of noise, so that downloading and unpacking take a while and need room. */
const PADDING_BYTES = 4e6;

const ADDON = `
#include <node_api.h>
#include "tensorflow/c/c_api.h"
static napi_value Init(napi_env env, napi_value exports) {
  napi_value version;
  napi_create_string_utf8(env, TF_Version(), NAPI_AUTO_LENGTH, &version);
  napi_set_named_property(env, exports, "TF_Version", version);
  return exports;
}
NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
`;

const ZIP = `
import os, sys, zipfile
wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel, "w") as archive:
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            archive.write(path, os.path.relpath(path, folder))
`;

export interface TinyTensorFlow {
  /** Holds the wheel. */
  wheels: string;
  requirements: string;
  /** The plan for a cache folder, with these sources of the add-ons instead of ones that work. */
  plan(cache: string, sources?: { tfjs?: string; graph?: string }): Promise<Plan>;
  /** A requirement file for the same wheel, with another hash. */
  wrongRequirements: string;
}

/** Makes the wheel and the add-ons' sources in an empty folder. */
export async function makeTinyTensorFlow(folder: string): Promise<TinyTensorFlow> {
  const content = join(folder, 'content');
  const tensorflow = join(content, 'tensorflow');
  await makeLibraries(tensorflow, ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']);
  await makeHeaders(join(tensorflow, 'include'));
  await writeFile(join(tensorflow, '__init__.py'), '# not wanted\n');
  const info = join(content, 'tensorflow_cpu-2.21.0.dist-info');
  await mkdir(info);
  await writeFile(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: tensorflow-cpu\nVersion: 2.21.0\n');
  await writeFile(
    join(info, 'WHEEL'),
    'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_27_x86_64\n',
  );
  await writeFile(join(info, 'RECORD'), '');

  const wheels = join(folder, 'wheels');
  await mkdir(wheels);
  await execute('python3', ['-c', ZIP, join(wheels, WHEEL), content]);
  const hash = createHash('sha256')
    .update(await readFile(join(wheels, WHEEL)))
    .digest('hex');
  const requirements = join(folder, 'requirements.txt');
  const wrongRequirements = join(folder, 'wrong.txt');
  await writeFile(requirements, `# a comment\ntensorflow-cpu==2.21.0 --hash=sha256:${hash}\n`);
  await writeFile(wrongRequirements, `tensorflow-cpu==2.21.0 --hash=sha256:${'0'.repeat(64)}\n`);

  return {
    wheels,
    requirements,
    wrongRequirements,
    async plan(cache, sources = {}) {
      return {
        cache,
        architecture: 'native',
        tensorflow: fromWheels(cache, 'cpu', requirements),
        tfjs: await addon(folder, 'tfjs_binding', sources.tfjs ?? ADDON),
        graph: await addon(folder, 'refconv_graph', sources.graph ?? ADDON),
        quiet: await addon(folder, 'refconv_quiet', ADDON),
      };
    },
  };
}

/** Two shared libraries, of which the second has the function. */
export async function makeLibraries(folder: string, [first, second]: [string, string]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const compile = (name: string, code: string, ...more: string[]) => {
    const source = join(folder, `${name}.cc`);
    const flags = ['-shared', '-fPIC', `-Wl,-soname,${name}`, '-Wl,-rpath,$ORIGIN', '-Wl,--no-as-needed'];
    return writeFile(source, code).then(() => execute('c++', [...flags, '-o', join(folder, name), source, ...more]));
  };
  await compile(second, 'extern "C" const char* TF_Version() { return "2.21.0"; }');
  await compile(first, 'extern "C" int TF_Nothing() { return 0; }', `-L${folder}`, `-l:${second}`);
}

export async function makeHeaders(folder: string): Promise<void> {
  const headers = join(folder, 'tensorflow', 'c');
  await mkdir(headers, { recursive: true });
  await writeFile(join(headers, 'c_api.h'), 'extern "C" const char* TF_Version();\n');
  await writeFile(join(headers, 'padding'), randomBytes(PADDING_BYTES));
}

async function addon(folder: string, name: string, code: string): Promise<Addon> {
  // The file's name depends on its text: plans with other sources exist side by side.
  const id = createHash('sha256').update(code).digest('hex').slice(0, 8);
  const source = join(folder, `${name}-${id}.cc`);
  await writeFile(source, code);
  const includeFolders = [join(npmFolder('node-api-headers'), 'include')];
  return { name, sources: [source], headers: [], includeFolders, linksTensorFlow: true };
}
