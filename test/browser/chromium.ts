import { existsSync } from 'node:fs'
import process from 'node:process'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [process.env['SPEGEL_TEST_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser']
const EXECUTABLE = PLACES.find(place => place !== undefined && existsSync(place))

/** For `skip`: the reason where there is no browser. */
export function unlessChromium(): string | false {
  return EXECUTABLE === undefined ? 'chromium is not installed' : false
}

/** Starts the browser of this machine. */
export async function launch(): Promise<Browser> {
  if (EXECUTABLE === undefined) throw new Error('chromium is not installed')
  return await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] })
}
