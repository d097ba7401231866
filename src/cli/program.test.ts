import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { freePorts } from '../../test/free-ports.ts'
import { COMMANDS } from './commands.ts'
import { type Environment, flagsOf } from './flags/read-flags.ts'
import { ShutdownError } from './interrupt.ts'
import { runProgram } from './program.ts'

interface Outcome {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

async function run(args: readonly string[], env: Environment = {}, signal = new AbortController().signal) {
  const stdout = new PassThrough({ encoding: 'utf8' })
  const stderr = new PassThrough({ encoding: 'utf8' })
  const status = await runProgram({ args, env, stdout, stderr, signal })
  return { status, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') } satisfies Outcome
}

const REFUSED: readonly (readonly [readonly string[], string])[] = [
  [
    [],
    'a command is missing: want registry, configuration, cleanup, cleanup-wait, pull, demo, doctor, status, version',
  ],
  [
    ['--log-level', 'DEBUG'],
    'a command is missing: want registry, configuration, cleanup, cleanup-wait, pull, demo, doctor, status, version',
  ],
  [['regstry'], 'unknown command "regstry", did you mean registry?'],
  [
    ['frobnicate'],
    'unknown command "frobnicate", want registry, configuration, cleanup, cleanup-wait, pull, demo, doctor, status, version',
  ],
  [
    ['two\nlines'],
    'unknown command "two\\nlines", want registry, configuration, cleanup, cleanup-wait, pull, demo, doctor, status, version',
  ],
  [['--registry-addr', ':5000', 'registry'], 'unknown flag "--registry-addr"'],
  [['registry', '--registry-adr', ':5000'], 'unknown flag "--registry-adr", did you mean --registry-addr?'],
  [['registry'], '--bootstrap-kind is required: want dns, http or static'],
  [
    ['registry', '--store', 'oci-layout'],
    '--oci-layout-path is required with --store oci-layout: want one or more paths',
  ],
  [['--log-level', 'loud', 'version'], '--log-level "loud": want DEBUG, INFO, WARN or ERROR'],
  [['version', '--log-level=loud'], '--log-level "loud": want DEBUG, INFO, WARN or ERROR'],
  [['version', '--log-level'], '--log-level: a value is missing'],
  [['version', '--format', 'yaml'], '--format "yaml": want text or json'],
  [['version', 'now'], 'unexpected argument "now"'],
  [
    ['configuration'],
    '--mirror-targets is required: want the URL of a mirror such as http://10.0.0.1:5000 or http://[fd00::1]:5000',
  ],
  [
    ['configuration', '--mirror-targets', 'http://10.0.0.1:70000'],
    '--mirror-targets "http://10.0.0.1:70000": want the URL of a mirror such as http://10.0.0.1:5000 or http://[fd00::1]:5000',
  ],
  [
    ['configuration', '--mirror-targets=*'],
    '--mirror-targets "*": want the URL of a mirror such as http://10.0.0.1:5000 or http://[fd00::1]:5000',
  ],
  [
    ['configuration', '--mirror-targets=http://m', '--mirrored-registries', 'docker.io'],
    '--mirrored-registries "docker.io": want the URL of a registry such as https://docker.io, _default or *',
  ],
  [
    ['configuration', '--mirror-targets=http://m', '--mirrored-registries', 'https://a.b', 'http://a.b'],
    '--mirrored-registries "http://a.b": want each registry once, this one is there with https',
  ],
  [['configuration', '--resolve-tags=maybe'], '--resolve-tags "maybe": want true, false or auto'],
  [['configuration', '--prepend-existing=maybe'], '--prepend-existing "maybe": want true or false'],
  [
    ['configuration', '--containerd-registry-config-path='],
    '--containerd-registry-config-path "": want a path, as in config_path of containerd',
  ],
  [['cleanup'], '--addr is required: want host:port or :port, IPv6 in brackets'],
  [['cleanup-wait'], '--probe-endpoint is required: want host:port, IPv6 in brackets'],
  [['cleanup-wait', '--probe-endpoint=:8080'], '--probe-endpoint ":8080": want host:port, IPv6 in brackets'],
  [['cleanup-wait', '--probe-endpoint=a:1', '--threshold=0'], '--threshold "0": want an integer from 1 to 43200'],
  [['cleanup-wait', '--probe-endpoint=a:1', '--period=0'], '--period "0": want a duration above 0 such as 2s'],
  [['pull', '--into', 'x'], '<reference> is required: want an image name such as docker.io/library/busybox:1.37'],
  [['pull', 'UPPER', '--into=x'], '<reference> "UPPER": want an image name such as docker.io/library/busybox:1.37'],
  [['pull', 'busybox'], '--into is required: want a path'],
  [['pull', 'a', '--into=x', '--mirror=ftp://a'], '--mirror "ftp://a": want an http:// or https:// URL'],
  [['pull', 'a', '--into=x', '--mirror=http://%zz@a'], '--mirror "http://%zz@a": want an http:// or https:// URL'],
  [['pull', 'a', '--into=x', '--platform=linux'], '--platform "linux": want os/arch or os/arch/variant'],
  [['demo', '--nodes', '1'], '--nodes "1": want an integer from 2 to 16'],
  [['demo', '--upstream-rate', '0'], '--upstream-rate "0": want bytes per second such as 20MB or 512KiB'],
  [['demo', '--base-port', '65534'], '--base-port "65534": want an integer from 1 to 65533'],
]

for (const [args, message] of REFUSED) {
  test(`spegel ${JSON.stringify(args)} is refused in one line`, async () => {
    assert.deepEqual(await run(args), { status: 2, stdout: '', stderr: `spegel: ${message}\n` })
  })
}

test('an unacceptable environment variable is named', async () => {
  const { status, stderr } = await run(['version'], { LOG_LEVEL: 'loud' })
  assert.equal(status, 2)
  assert.equal(stderr, 'spegel: LOG_LEVEL "loud": want DEBUG, INFO, WARN or ERROR\n')
})

test('the log level is accepted before and after the command, in any case', async () => {
  for (const args of [
    ['--log-level', 'debug', 'version'],
    ['--log-level=Warn', 'version'],
    ['version', '--log-level', 'ERROR'],
  ]) {
    assert.equal((await run(args)).status, 0, args.join(' '))
  }
  assert.equal((await run(['version'], { LOG_LEVEL: 'warn' })).status, 0)
})

test('a log level after the command replaces one before it', async () => {
  assert.equal((await run(['--log-level', 'loud', 'version', '--log-level', 'INFO'])).status, 0)
})

test('version prints one line as text, one object as JSON', async () => {
  assert.match((await run(['version'])).stdout, /^spegel \d+\.\d+\.\d+ \(Node\.js v\d+\.\d+\.\d+, \w+\/\w+\)\n$/)
  const { stdout } = await run(['version', '--format', 'json'])
  assert.deepEqual(Object.keys(JSON.parse(stdout) as object), ['version', 'node', 'platform', 'arch'])
  assert.match((await run(['--version'])).stdout, /^spegel \d+\.\d+\.\d+\n$/)
})

for (const args of [['--help'], ['-h'], ['--help', '--log-level', 'INFO']]) {
  test(`spegel ${args.join(' ')} lists the commands`, async () => {
    const { status, stdout, stderr } = await run(args)
    assert.equal(status, 0)
    assert.equal(stderr, '')
    for (const { name, summary } of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} +${summary}$`, 'm'))
  })
}

for (const command of COMMANDS) {
  test(`spegel ${command.name} --help tells of each of its flags, whatever else is missing`, async () => {
    const { status, stdout } = await run([command.name, '-h'])
    assert.equal(status, 0)
    const words = stdout.replaceAll(/\s+/g, ' ')
    for (const { name, shape, env, help } of flagsOf(command.table)) {
      assert.ok(stdout.includes(shape === 'positional' ? `\n  <${name}>` : `\n  --${name}`), name)
      assert.ok(words.includes(` ${help} `), name)
      if (env !== undefined) assert.ok(words.includes(`env ${env} `), env)
    }
    const logLevel = 'least important log lines to write\n      default INFO, env LOG_LEVEL'
    assert.ok(stdout.includes(`\n  --log-level DEBUG|INFO|WARN|ERROR\n      ${logLevel}\n`))
  })
}

for (const command of ['', ...COMMANDS.map(({ name }) => name)]) {
  test(`the help of spegel ${command} fits on a terminal of 80 columns`, async () => {
    const { stdout } = await run([...(command === '' ? [] : [command]), '--help'])
    assert.deepEqual(
      stdout.split('\n').filter(line => line.length > 80),
      [],
    )
  })
}

test('a command that a signal keeps from finishing ends with the status of that signal', async () => {
  const signal = AbortSignal.abort(new ShutdownError('SIGINT'))
  const { registry: port } = await freePorts()
  const { status } = await run(['demo', '--once', `--base-port=${port}`], {}, signal)
  assert.equal(status, 130)
})
