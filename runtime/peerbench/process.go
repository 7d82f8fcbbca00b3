package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/trellis-learning/trellis/runtime/peerbench/job"
	"github.com/trellis-learning/trellis/testdata/wasm"
)

// childCommand is the first argument of this program as another process.
const childCommand = "child"

// self is this program as another process: what argument one says.
func self(args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(path, append([]string{childCommand}, args...)...), nil
}

// child does what a process of its own is wanted for.
func child(args []string, out, errs io.Writer) (status int) {
	var err error
	switch args[0] {
	case "grpc":
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, Plugins: pluginSet, GRPCServer: plugin.DefaultGRPCServer})
	case "webhook":
		err = serveWebhook(out)
	case "density":
		err = density(args[1:], out)
	default:
		err = fmt.Errorf("no such child: %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(errs, "peerbench child:", err)
		return 1
	}
	return 0
}

// The service is declared by hand: one method, bytes in and bytes out, in the
// message that protocol buffers have for that.
var (
	handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "PEERBENCH", MagicCookieValue: "job"}
	pluginSet = plugin.PluginSet{"job": grpcJob{}}
	service   = grpc.ServiceDesc{
		ServiceName: "peerbench.Job",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Patch", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var in wrapperspb.BytesValue
			if err := decode(&in); err != nil {
				return nil, err
			}
			out, err := job.Scan(nil, in.Value)
			return wrapperspb.Bytes(out), err
		}}},
	}
)

type grpcJob struct {
	plugin.NetRPCUnsupportedPlugin
}

// GRPCServer implements [plugin.GRPCPlugin].
func (grpcJob) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&service, struct{}{})
	return nil
}

// GRPCClient implements [plugin.GRPCPlugin].
func (grpcJob) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// hashicorp is a plugin that is another process, called by gRPC over a socket of
// the system; it does the job by hand.
func hashicorp(ctx context.Context, _ *bench) (worker, error) {
	cmd, err := self("grpc")
	if err != nil {
		return worker{}, err
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake, Plugins: pluginSet, Cmd: cmd, Logger: hclog.NewNullLogger(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return worker{}, err
	}
	raw, err := protocol.Dispense("job")
	if err != nil {
		client.Kill()
		return worker{}, err
	}
	conn := raw.(*grpc.ClientConn)
	return worker{
		wakes: true,
		do: func(dst []byte) ([]byte, error) {
			var out wrapperspb.BytesValue
			if err := conn.Invoke(ctx, "/peerbench.Job/Patch", wrapperspb.Bytes(wasm.JobInput), &out); err != nil {
				return dst, err
			}
			return append(dst, out.Value...), nil
		},
		close: client.Kill,
	}, nil
}

// serveWebhook does the job over HTTP, on a port that it prints, until its
// standard input ends.
func serveWebhook(out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := io.ReadAll(r.Body)
		if err == nil {
			in, err = job.Scan(nil, in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(in)
	})}
	go func() { _ = s.Serve(l) }()
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// webhook is what most platforms call their extensions by; it does the job by hand.
func webhook(ctx context.Context, _ *bench) (worker, error) {
	cmd, err := self("webhook")
	if err != nil {
		return worker{}, err
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		return worker{}, fmt.Errorf("webhook: %v, %v", err1, err2)
	}
	if err := cmd.Start(); err != nil {
		return worker{}, err
	}
	stop := func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return worker{}, err
	}
	url = strings.TrimSpace(url)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	return worker{
		wakes: true,
		do: func(dst []byte) ([]byte, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(wasm.JobInput))
			if err != nil {
				return dst, err
			}
			r.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(r)
			if err != nil {
				return dst, err
			}
			defer resp.Body.Close()
			answer, err := io.ReadAll(resp.Body)
			if err == nil && resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("status %d: %s", resp.StatusCode, answer)
			}
			return append(dst, answer...), err
		},
		close: stop,
	}, nil
}
