import { access } from 'node:fs/promises'
import type { Log } from '../../observability/log.ts'
import { mirroredRegistryUrls } from '../configuration/flags.ts'
import { localUrl } from '../local-url.ts'
import { checkConfig } from './checks/config.ts'
import { checkContentPath } from './checks/content-path.ts'
import { checkHosts } from './checks/hosts.ts'
import { checkMembers } from './checks/members.ts'
import { checkDaemon, checkIdentity, checkMesh } from './checks/mesh.ts'
import { checkNamespace } from './checks/namespace.ts'
import { checkPorts } from './checks/ports.ts'
import { checkProxy } from './checks/proxy.ts'
import { checkSocket } from './checks/socket.ts'
import { bootstrapPeers } from './facts/bootstrap-peers.ts'
import { containerdProcess } from './facts/containerd-process.ts'
import { type ContainerdView, viewContainerd } from './facts/containerd-view.ts'
import { isSamePlace, troubleWith } from './facts/content-directory.ts'
import { askPeer, isMirror, membersOf, viewDaemon } from './facts/daemon.ts'
import { DISTRIBUTIONS } from './facts/distributions.ts'
import { findConfig } from './facts/find-config.ts'
import { configuredRegistries, hostsInForce } from './facts/hosts-in-force.ts'
import { isTaken } from './facts/listen.ts'
import type { Finding } from './finding.ts'
import type { DoctorFlags } from './flags.ts'

/** Peers that are asked; more would be a burden on the mesh, and on the reader. */
const MAX_PEERS_ASKED = 64

export interface ExamineComponents {
  readonly log: Log
  readonly signal: AbortSignal
}

/** Runs every check against this machine. */
export async function examine(flags: DoctorFlags, components: ExamineComponents): Promise<readonly Finding[]> {
  const containerd = flags.store === 'containerd' ? await examineContainerd(flags, components) : []
  return [...containerd, ...(await examineDaemon(flags, components))]
}

async function examineContainerd(flags: DoctorFlags, { log, signal }: ExamineComponents): Promise<readonly Finding[]> {
  const { containerdSock: socket, containerdNamespace: namespace, containerdContentPath: contentPath, hostRoot } = flags
  const containerd = await viewContainerd(log, socket, { signal })
  const findings = [checkSocket({ socket, containerd, others: await otherSockets(socket) })]
  if (containerd.kind === 'answers') findings.push(checkNamespace({ namespace, containerd }))
  const announced = containerd.kind === 'answers' ? containerd.contentDirectory : undefined
  findings.push(await checkContentPath({ contentPath, announced, troubleWith, isSame: isSamePlace }))
  return [...findings, ...(await examineConfiguration(flags, { containerd, hostRoot, signal }))]
}

async function examineConfiguration(
  flags: DoctorFlags,
  options: { readonly containerd: ContainerdView; readonly hostRoot: string; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const { containerd, hostRoot, signal } = options
  const { containerdSock: socket, containerdRegistryConfigPath: registryConfigPath } = flags
  const process = await containerdProcess(socket)
  const version = containerd.kind === 'answers' ? containerd.version : undefined
  const found = await findConfig({ given: flags.containerdConfig, process, socket, hostRoot, version })
  const { config } = found
  const configured = 'trouble' in config ? [] : config.configPaths
  const configPaths = configured.length > 0 ? configured : [registryConfigPath]
  const hosts = await checkHosts({
    configPaths,
    registries: mirroredRegistryUrls(flags.mirroredRegistries).map(url => url?.registry),
    configured: await configuredRegistries({ configPaths, hostRoot }),
    inForce: registry => hostsInForce(registry, { configPaths, hostRoot }),
    isMirror: url => isMirror(url, { signal }),
  })
  const { mirrors } = hosts
  const proxy = checkProxy({ mirrors, env: process?.env })
  return [...checkConfig({ ...found, version, registryConfigPath }), ...hosts.findings, proxy]
}

async function examineDaemon(flags: DoctorFlags, { signal }: ExamineComponents): Promise<readonly Finding[]> {
  const url = localUrl(flags.metricsAddr)
  const view = await viewDaemon(url, { signal })
  const addresses = {
    '--registry-addr': flags.registryAddr,
    '--router-addr': flags.routerAddr,
    '--metrics-addr': flags.metricsAddr,
  }
  const findings = [
    checkDaemon(view, url),
    ...(await checkPorts({ addresses, isRunning: view.kind !== 'absent', isTaken })),
  ]
  if (view.kind !== 'running') return findings
  const { node } = view
  const bootstrap = await bootstrapPeers(flags, { signal, own: node.router })
  const { members } = await membersOf(url, { signal })
  return [
    ...findings,
    checkIdentity(node),
    ...checkMesh({ node, bootstrap }),
    ...(await checkMembers({
      members: members.slice(0, MAX_PEERS_ASKED),
      ask: address => askPeer(address, { signal }),
    })),
  ]
}

async function otherSockets(socket: string): Promise<readonly string[]> {
  const known = [...new Set(DISTRIBUTIONS.map(distribution => distribution.socket))].filter(other => other !== socket)
  const there = await Promise.all(
    known.map(async other => {
      return await access(other).then(
        () => [other],
        () => [],
      )
    }),
  )
  return there.flat()
}
