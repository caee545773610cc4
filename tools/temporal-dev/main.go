// Command temporal-dev runs a whole Temporal cluster and its Web UI in one process, for development and tests.
//
// State is kept in PostgreSQL (-postgres), in a SQLite file (-sqlite), or, with neither, in memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"net"
	"net/url"
	"os"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	serverlog "go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	sqltool "go.temporal.io/server/tools/sql"
	"google.golang.org/protobuf/types/known/durationpb"
)

const host = "127.0.0.1"

func main() {
	port := flag.Int("port", 7233, "gRPC port; seven more between 10000 and 19999 follow from it")
	uiPort := flag.Int("ui-port", 8233, "Web UI port; 0 for no UI")
	namespace := flag.String("namespace", "default", "namespace to create")
	postgres := flag.String("postgres", os.Getenv("TEMPORAL_DEV_POSTGRES"),
		"postgres://user:password@host:port; databases temporal and temporal_visibility are created there")
	sqliteFile := flag.String("sqlite", "", "SQLite file")
	codecEndpoint := flag.String("codec-endpoint", "", "URL of the codec server that the Web UI decodes payloads with")
	shards := flag.Int("shards", 4, "history shards (fixed once a store is created)")
	flag.Parse()

	store, visibility, err := openStores(*postgres, *sqliteFile)
	check(err)
	ports, err := internalPorts(*port)
	check(err)
	cfg := clusterConfig(*port, ports, *shards, store, visibility)
	if *postgres == "" {
		check(createSQLiteNamespace(store, *sqliteFile, *namespace))
	} else {
		go registerNamespace(cfg.PublicClient.HostPort, *namespace)
	}

	authorizer, err := authorization.GetAuthorizerFromConfig(&cfg.Global.Authorization)
	check(err)
	server, err := temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithAuthorizer(authorizer),
		temporal.WithLogger(serverlog.NewZapLogger(serverlog.BuildZapLogger(serverlog.Config{Stdout: true, Level: "error"}))),
		temporal.WithDynamicConfigClient(dynamicconfig.StaticClient{
			dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		}),
		temporal.InterruptOn(temporal.InterruptCh()),
	)
	check(err)
	if *uiPort != 0 {
		go serveUI(*uiPort, cfg.PublicClient.HostPort, *namespace, *codecEndpoint)
	}
	check(server.Start()) // returns once interrupted
}

func openStores(postgres, sqliteFile string) (store, visibility *config.SQL, err error) {
	if postgres != "" {
		return openPostgres(postgres)
	}
	store = &config.SQL{PluginName: sqlite.PluginName, ConnectAttributes: map[string]string{}}
	if sqliteFile == "" {
		store.DatabaseName = fmt.Sprint(rand.Int())
		store.ConnectAttributes["mode"] = "memory"
		store.ConnectAttributes["cache"] = "shared"
	} else {
		store.DatabaseName = sqliteFile
		store.ConnectAttributes["mode"] = "rwc"
		store.ConnectAttributes["_journal_mode"] = "wal"
	}
	return store, store, nil
}

// openPostgres creates both databases where they are missing and brings their schemas up to date.
func openPostgres(dsn string) (store, visibility *config.SQL, err error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, nil, err
	}
	password, _ := u.User.Password()
	open := func(database, schema string) (*config.SQL, error) {
		tool := func(args ...string) error {
			return sqltool.RunTool(append([]string{"temporal-sql-tool", "--plugin", postgresql.PluginNamePGX,
				"--ep", u.Hostname(), "-p", u.Port(), "-u", u.User.Username(), "--pw", password, "--db", database}, args...))
		}
		for _, step := range [][]string{{"create-database"}, {"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", schema}} {
			if err := tool(step...); err != nil {
				return nil, fmt.Errorf("%s %s: %w", database, step[0], err)
			}
		}
		return &config.SQL{PluginName: postgresql.PluginNamePGX, ConnectProtocol: "tcp", ConnectAddr: u.Host,
			User: u.User.Username(), Password: password, DatabaseName: database, MaxConns: 20, MaxIdleConns: 20}, nil
	}
	if store, err = open("temporal", "postgresql/v12/temporal"); err != nil {
		return nil, nil, err
	}
	visibility, err = open("temporal_visibility", "postgresql/v12/visibility")
	return store, visibility, err
}

const (
	firstInternalPort, lastInternalPort = 10000, 19999 // the PostgreSQL store keeps a membership port in an int2
	internalPortCount                   = 7
)

// internalPorts are the first of internalPortCount free ports in a row. Where the search begins follows from the public
// port, so that a restart finds the same ports again and servers on neighbouring public ports keep out of each other's way.
func internalPorts(public int) (int, error) {
	blocks := (lastInternalPort - firstInternalPort + 1) / internalPortCount
	for i := range blocks {
		first := firstInternalPort + (public+i)%blocks*internalPortCount
		if allFree(first, internalPortCount) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row between %d and %d", internalPortCount, firstInternalPort, lastInternalPort)
}

func allFree(first, count int) bool {
	for port := first; port < first+count; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

func clusterConfig(port, internal, shards int, store, visibility *config.SQL) *config.Config {
	address := fmt.Sprintf("%s:%d", host, port)
	service := func(grpcPort, membership int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: grpcPort, MembershipPort: internal + membership, BindOnIP: host}}
	}
	cfg := &config.Config{}
	cfg.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: host}
	cfg.Persistence = config.Persistence{
		DefaultStore: "default", VisibilityStore: "visibility", NumHistoryShards: int32(shards),
		DataStores: map[string]config.DataStore{"default": {SQL: store}, "visibility": {SQL: visibility}},
	}
	cfg.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10, MasterClusterName: "active", CurrentClusterName: "active",
		ClusterInformation: map[string]cluster.ClusterInformation{
			"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address, ClusterID: "stipend-dev"},
		},
	}
	cfg.Services = map[string]config.Service{
		"frontend": service(port, 0), "history": service(internal+4, 1),
		"matching": service(internal+5, 2), "worker": service(internal+6, 3),
	}
	cfg.DCRedirectionPolicy.Policy = "noop"
	cfg.Archival.History.State, cfg.Archival.Visibility.State = "disabled", "disabled"
	cfg.NamespaceDefaults.Archival.History.State, cfg.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	cfg.PublicClient.HostPort = address
	return cfg
}

func createSQLiteNamespace(store *config.SQL, file, namespace string) error {
	if file != "" {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			if err := sqliteschema.SetupSchema(store); err != nil {
				return err
			}
		}
	}
	ns, err := sqliteschema.NewNamespaceConfig("active", namespace, false, nil)
	if err != nil {
		return err
	}
	return sqliteschema.CreateNamespaces(store, ns)
}

func registerNamespace(address, namespace string) {
	for {
		c, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: quiet{}})
		if err == nil {
			err = c.Register(context.Background(), &workflowservice.RegisterNamespaceRequest{
				Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(30 * 24 * time.Hour)})
			c.Close()
		}
		var exists *serviceerror.NamespaceAlreadyExists
		if err == nil || errors.As(err, &exists) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func serveUI(port int, address, namespace, codecEndpoint string) {
	ui := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host: host, Port: port, TemporalGRPCAddress: address, EnableUI: true, DefaultNamespace: namespace,
		CORS: uiconfig.CORS{CookieInsecure: true}, Codec: uiconfig.Codec{Endpoint: codecEndpoint}, HideLogs: true,
	}))
	check(ui.Start())
}

// quiet drops the client's log lines while the server is still coming up.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
