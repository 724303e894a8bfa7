/** Logs with pino to standard error: text on a terminal, JSON otherwise. */
import pino from 'pino';
import pretty from 'pino-pretty';

export type Logger = pino.Logger;

export function makeLogger(level: string, format: 'auto' | 'text' | 'json'): Logger {
  const options: pino.LoggerOptions = { name: 'process_ancestry', level, base: { pid: process.pid } };
  if (format === 'text' || (format === 'auto' && process.stderr.isTTY)) {
    return pino(
      options,
      pretty({ destination: 2, sync: true, ignore: 'pid,hostname,name', translateTime: 'SYS:HH:MM:ss' }),
    );
  }
  return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}
