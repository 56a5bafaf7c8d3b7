/** A child process that answers lines with lines of JSON. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process ended, or did not answer; the message ends with its last lines on stderr. */
export class WorkerFailed extends Error {
  override name = 'WorkerFailed';
}

const STDERR_LINES = 25;
/** torch.compile can take minutes on a small machine. */
const ANSWER_MS = 30 * 60_000;
const GOODBYE_MS = 5_000;

interface Question {
  resolve(answer: string): void;
  reject(reason: Error): void;
}

export class WorkerProcess {
  private readonly child: ChildProcess;
  private readonly answers: string[] = [];
  private question: Question | undefined;
  private stderr = '';
  private ended: string | undefined;

  constructor(
    readonly name: string,
    program: string,
    args: string[],
    environment: Record<string, string> = {},
  ) {
    this.child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.answered(line));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-20_000);
    });
    this.child.stdin?.on('error', () => {}); // A worker that died is told of by its exit.
    this.child.once('error', (error) => this.fail(`could not be started: ${error.message}`));
    this.child.once('exit', async (code, signal) => {
      // What it wrote last may still be in the pipe, which its own children may hold open.
      await Promise.race([once(this.child, 'close'), sleep(500)]);
      this.fail(`ended (${signal ?? `exit status ${code}`})`);
    });
  }

  /**
   * Sends a line, if one is given, and waits for the answer.
   * @throws WorkerFailed
   */
  async ask<T>(line?: string): Promise<T> {
    const answer = await new Promise<string>((resolve, reject) => {
      if (line !== undefined) this.child.stdin?.write(`${line}\n`);
      const timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        this.fail(`did not answer within ${ANSWER_MS / 60_000} minutes`);
      }, ANSWER_MS);
      this.question = {
        resolve: (text) => {
          clearTimeout(timer);
          resolve(text);
        },
        reject: (reason) => {
          clearTimeout(timer);
          reject(reason);
        },
      };
      const early = this.answers.shift();
      if (early !== undefined) this.answered(early);
      else if (this.ended) this.fail(this.ended);
    });
    try {
      return JSON.parse(answer) as T;
    } catch {
      throw new WorkerFailed(`${this.name} wrote something else than JSON to stdout: ${answer.slice(0, 500)}`);
    }
  }

  /** Lets the process end: by the end of its input, else by force. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined) return;
    const exit = once(this.child, 'exit');
    this.child.stdin?.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), GOODBYE_MS);
    await exit;
    clearTimeout(timer);
  }

  private answered(line: string): void {
    const { question } = this;
    if (!question) {
      this.answers.push(line);
      return;
    }
    this.question = undefined;
    question.resolve(line);
  }

  private fail(what: string): void {
    this.ended ??= what;
    const { question } = this;
    this.question = undefined;
    const said = this.stderr.trimEnd().split('\n').slice(-STDERR_LINES).join('\n');
    question?.reject(new WorkerFailed(`${this.name} ${this.ended}${said ? `:\n${said}` : '.'}`));
  }
}
