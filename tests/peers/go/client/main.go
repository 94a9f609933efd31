// A grpc-go client that a test drives: one JSON command a line on standard input, one JSON answer a line on standard
// output; it ends with its input. Messages travel as bytes, so it needs no .proto.
//
//	client HOST:PORT
//	{"op": "call", "id": 1, "path": "/package.Service/Method", "message": BASE64, "metadata": [["key", "value"]],
//	 "timeout_ms": 500, "wait_for_ready": false, "gzip": false}
//	{"op": "cancel", "id": 1}
//	{"op": "load", "id": 2, "callers": 8, ...a call}: each caller calls again and again
//	{"op": "stop", "id": 2}: each caller finishes its call, then the load is answered
//
// Values of keys that end in -bin are base64 here.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"peers/raw"
)

type command struct {
	Op           string      `json:"op"`
	ID           int         `json:"id"`
	Path         string      `json:"path"`
	Message      []byte      `json:"message"`
	Metadata     [][2]string `json:"metadata"`
	TimeoutMS    int         `json:"timeout_ms"`
	WaitForReady bool        `json:"wait_for_ready"`
	Gzip         bool        `json:"gzip"`
	Callers      int         `json:"callers"`
}

type answer struct {
	ID       int         `json:"id"`
	Code     int         `json:"code"`
	Text     string      `json:"text"`
	Message  []byte      `json:"message"`
	Headers  [][2]string `json:"headers"`
	Trailers [][2]string `json:"trailers"`
	Details  []byte      `json:"details"` // the status as google.rpc.Status, as the library read it
}

type loaded struct {
	ID    int         `json:"id"`
	Codes map[int]int `json:"codes"` // how many calls ended so
	Texts []string    `json:"texts"` // of those that failed
}

type client struct {
	connection *grpc.ClientConn
	lock       sync.Mutex
	running    map[int]context.CancelFunc
	output     *json.Encoder
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatalf("client of %s: %v", os.Args[1], err)
	}
	c := &client{connection: connection, running: map[int]context.CancelFunc{}, output: json.NewEncoder(os.Stdout)}
	input := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	for {
		var asked command
		if input.Decode(&asked) != nil {
			return
		}
		c.obey(asked)
	}
}

func (c *client) obey(asked command) {
	if asked.Op == "cancel" || asked.Op == "stop" {
		c.lock.Lock()
		defer c.lock.Unlock()
		c.running[asked.ID]()
		return
	}
	ctx, end := context.WithCancel(context.Background())
	c.lock.Lock()
	c.running[asked.ID] = end
	c.lock.Unlock()
	if asked.Op == "load" {
		go func() { c.say(c.load(ctx, asked)) }()
		return
	}
	go func() { c.say(c.call(ctx, asked)) }()
}

func (c *client) say(answered any) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if err := c.output.Encode(answered); err != nil {
		log.Fatalf("standard output: %v", err)
	}
}

func (c *client) call(ctx context.Context, asked command) answer {
	ctx = metadata.NewOutgoingContext(ctx, raw.ToMetadata(asked.Metadata))
	if asked.TimeoutMS > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, time.Duration(asked.TimeoutMS)*time.Millisecond)
		defer end()
	}
	var headers, trailers metadata.MD
	var reply []byte
	options := []grpc.CallOption{grpc.ForceCodec(raw.Codec{}), grpc.Header(&headers), grpc.Trailer(&trailers),
		grpc.WaitForReady(asked.WaitForReady)}
	if asked.Gzip {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	err := c.connection.Invoke(ctx, asked.Path, &asked.Message, &reply, options...)
	ended := status.Convert(err)
	details, err := proto.Marshal(ended.Proto())
	if err != nil {
		log.Fatalf("a status that can't be written: %v", err)
	}
	return answer{asked.ID, int(ended.Code()), ended.Message(), reply, raw.FromMetadata(headers), raw.FromMetadata(trailers), details}
}

// load lets each caller call until ctx ends; a call under way is not cut by that.
func (c *client) load(ctx context.Context, asked command) loaded {
	result := loaded{ID: asked.ID, Codes: map[int]int{}, Texts: []string{}}
	var lock sync.Mutex
	var callers sync.WaitGroup
	for range asked.Callers {
		callers.Go(func() {
			for ctx.Err() == nil {
				ended := c.call(context.Background(), asked)
				lock.Lock()
				result.Codes[ended.Code]++
				if ended.Code != 0 {
					result.Texts = append(result.Texts, ended.Text)
				}
				lock.Unlock()
			}
		})
	}
	callers.Wait()
	return result
}
