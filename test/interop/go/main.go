// Command spegel-interop is a node of a mesh, assembled as Go Spegel assembles its router: go-libp2p over TCP with Noise
// and TLS, go-libp2p-kad-dht in server mode under /spegel, and its sweeping provider. A test drives it by JSON lines:
// one request a line on stdin, one answer a line on stdout. It ends with its stdin.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/provider"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/multiformats/go-multihash"
)

const (
	advertiseTTL      = 15 * time.Minute
	maxReprovideDelay = 2 * time.Minute
	commandTimeout    = 30 * time.Second
	pollInterval      = 50 * time.Millisecond
)

type request struct {
	ID     int      `json:"id"`
	Method string   `json:"method"`
	Params []string `json:"params"`
}

type response struct {
	ID     int    `json:"id"`
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

type identity struct {
	Peer       string   `json:"peer"`
	Multiaddrs []string `json:"multiaddrs"`
}

// found is a holder of a key with the addresses that Go Spegel would ask for the content.
type found struct {
	Peer  string   `json:"peer"`
	Hosts []string `json:"hosts"`
}

type node struct {
	host     host.Host
	dht      *dht.IpfsDHT
	provider *provider.SweepingProvider
}

func newNode(listen string, security string) (*node, error) {
	options := []libp2p.Option{
		libp2p.ListenAddrStrings(listen),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.AddrsFactory(withoutLoopback),
		libp2p.ChainOptions(libp2p.NoTransports, libp2p.Transport(tcp.NewTCPTransport)),
	}
	switch security {
	case "noise":
		options = append(options, libp2p.Security(noise.ID, noise.New))
	case "tls":
		options = append(options, libp2p.Security(libp2ptls.ID, libp2ptls.New))
	case "":
	default:
		return nil, fmt.Errorf("unknown security %q", security)
	}
	host, err := libp2p.New(options...)
	if err != nil {
		return nil, err
	}
	kad, err := dht.New(host,
		dht.Mode(dht.ModeServer),
		dht.ProtocolPrefix("/spegel"),
		dht.ProviderManagerOpts(
			records.ProvideValidity(advertiseTTL+2*maxReprovideDelay),
			records.ProviderAddrTTL(time.Hour),
		),
	)
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	sweeping, err := provider.New(
		provider.WithRouter(kad),
		provider.WithHost(host),
		provider.WithMessageSender(kad.MessageSender()),
		provider.WithSelfAddrs(host.Addrs),
		provider.WithReprovideInterval(advertiseTTL),
		provider.WithMaxReprovideDelay(maxReprovideDelay),
		provider.WithOfflineDelay(0),
		provider.WithConnectivityCheckOnlineInterval(30*time.Second),
		provider.WithAddLocalRecord(func(ctx context.Context, key multihash.Multihash) error {
			return kad.ProviderStore().AddProvider(ctx, key, peer.AddrInfo{ID: host.ID()})
		}),
	)
	if err != nil {
		return nil, errors.Join(err, kad.Close(), host.Close())
	}
	return &node{host: host, dht: kad, provider: sweeping}, nil
}

func withoutLoopback(addresses []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	kept := []multiaddr.Multiaddr{}
	for _, address := range addresses {
		if !manet.IsIPLoopback(address) {
			kept = append(kept, address)
		}
	}
	return kept
}

func (n *node) close() error {
	return errors.Join(n.provider.Close(), n.dht.Close(), n.host.Close())
}

// recordKey is the key under which Go Spegel provides: CIDv1, raw, SHA-256.
func recordKey(key string) (cid.Cid, error) {
	return cid.Prefix{Version: 1, Codec: cid.Raw, MhType: multihash.SHA2_256, MhLength: -1}.Sum([]byte(key))
}

func multihashes(keys []string) ([]multihash.Multihash, error) {
	hashes := []multihash.Multihash{}
	for _, key := range keys {
		id, err := recordKey(key)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, id.Hash())
	}
	return hashes, nil
}

func (n *node) handle(ctx context.Context, method string, params []string) (any, error) {
	switch method {
	case "identity":
		addresses, err := peer.AddrInfoToP2pAddrs(host.InfoFromHost(n.host))
		return identity{Peer: n.host.ID().String(), Multiaddrs: texts(addresses)}, err
	case "join":
		return nil, n.join(ctx, params)
	case "provide":
		return nil, n.provide(ctx, params)
	case "find":
		return n.find(ctx, params)
	case "members":
		return n.members(), nil
	}
	return nil, fmt.Errorf("unknown method %q", method)
}

func (n *node) join(ctx context.Context, addresses []string) error {
	for _, address := range addresses {
		info, err := peer.AddrInfoFromString(address)
		if err != nil {
			return err
		}
		if err := n.host.Connect(ctx, *info); err != nil {
			return err
		}
	}
	// A peer enters the routing table only once it has answered a question or two.
	for n.dht.RoutingTable().Size() == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollInterval):
		}
	}
	return <-n.dht.RefreshRoutingTable()
}

func (n *node) provide(ctx context.Context, keys []string) error {
	hashes, err := multihashes(keys)
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		if err := n.dht.ProviderStore().AddProvider(ctx, hash, peer.AddrInfo{ID: n.host.ID()}); err != nil {
			return err
		}
	}
	return n.provider.StartProviding(false, hashes...)
}

// find answers who holds each key.
func (n *node) find(ctx context.Context, keys []string) ([][]found, error) {
	answers := [][]found{}
	for _, key := range keys {
		id, err := recordKey(key)
		if err != nil {
			return nil, err
		}
		holders := []found{}
		for info := range n.dht.FindProvidersAsync(ctx, id, 0) {
			if info.ID != n.host.ID() {
				hosts, err := ips(info.Addrs)
				if err != nil {
					return nil, err
				}
				holders = append(holders, found{Peer: info.ID.String(), Hosts: hosts})
			}
		}
		answers = append(answers, holders)
	}
	return answers, nil
}

func (n *node) members() []string {
	list := []string{}
	for _, id := range n.dht.RoutingTable().ListPeers() {
		list = append(list, id.String())
	}
	return list
}

func texts(addresses []multiaddr.Multiaddr) []string {
	list := []string{}
	for _, address := range addresses {
		list = append(list, address.String())
	}
	return list
}

func ips(addresses []multiaddr.Multiaddr) ([]string, error) {
	list := []string{}
	for _, address := range addresses {
		ip, err := manet.ToIP(address)
		if err != nil {
			return nil, err
		}
		list = append(list, ip.String())
	}
	return list, nil
}

func (n *node) answer(request request) response {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	result, err := n.handle(ctx, request.Method, request.Params)
	if err != nil {
		return response{ID: request.ID, Error: err.Error()}
	}
	return response{ID: request.ID, Result: result}
}

// serve answers each request of input on output, several at the same time, until input ends.
func (n *node) serve(input io.Reader, output io.Writer) error {
	var writing sync.Mutex
	var running sync.WaitGroup
	encoder := json.NewEncoder(output)
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 16*1024*1024)
	for lines.Scan() {
		var request request
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			return err
		}
		running.Go(func() {
			answer := n.answer(request)
			writing.Lock()
			defer writing.Unlock()
			if err := encoder.Encode(answer); err != nil {
				log.Print(err)
			}
		})
	}
	running.Wait()
	return lines.Err()
}

func run() error {
	listen := flag.String("listen", "", "multiaddr to listen on")
	security := flag.String("security", "", "noise, tls or, by default, both")
	flag.Parse()
	node, err := newNode(*listen, *security)
	if err != nil {
		return err
	}
	return errors.Join(node.serve(os.Stdin, os.Stdout), node.close())
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
