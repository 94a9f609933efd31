// A grpc-go server that a test drives: one JSON command a line on standard input, one JSON answer a line on standard
// output; it ends with its input. Messages travel as bytes, so it needs no .proto: it answers what it was told to.
//
//	server HOST:PORT: says {"port": 1234} once it listens; port 0 takes a free one
//	{"op": "answer", "id": 1, "path": "/package.Service/Method", "message": BASE64, "code": 0, "text": "",
//	 "trailers": [["key", "value"]], "details": BASE64}: what this method answers from now on; answered by {"id": 1}.
//	 details is a google.rpc.Status, which then stands for code and text
//	{"op": "seen", "id": 2, "path": ...}: answered by {"id": 2, "calls": 12, "metadata": [["key", "value"]]}, the
//	 metadata of the last call
//	{"op": "drain"}: GOAWAY; calls in flight finish, then it ends
//
// Values of keys that end in -bin are base64 here, those of trailers too.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"net"
	"os"
	"sync"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"peers/raw"
)

type command struct {
	Op       string      `json:"op"`
	ID       int         `json:"id"`
	Path     string      `json:"path"`
	Message  []byte      `json:"message"`
	Code     codes.Code  `json:"code"`
	Text     string      `json:"text"`
	Trailers [][2]string `json:"trailers"`
	Details  []byte      `json:"details"`
}

type seen struct {
	ID       int         `json:"id"`
	Calls    int         `json:"calls"`
	Metadata [][2]string `json:"metadata"`
}

type server struct {
	lock    sync.Mutex
	answers map[string]command
	seen    map[string]seen
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatalf("%s: %v", os.Args[1], err)
	}
	s := &server{answers: map[string]command{}, seen: map[string]seen{}}
	serving := grpc.NewServer(grpc.ForceServerCodec(raw.Codec{}), grpc.UnknownServiceHandler(s.handle))
	go func() {
		if err := serving.Serve(listener); err != nil {
			log.Fatalf("serving: %v", err)
		}
	}()
	output := json.NewEncoder(os.Stdout)
	say(output, map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	input := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	for {
		var asked command
		if input.Decode(&asked) != nil {
			return
		}
		switch asked.Op {
		case "answer":
			s.lock.Lock()
			s.answers[asked.Path] = asked
			s.lock.Unlock()
			say(output, map[string]int{"id": asked.ID})
		case "seen":
			s.lock.Lock()
			found := s.seen[asked.Path]
			s.lock.Unlock()
			found.ID = asked.ID
			say(output, found)
		case "drain":
			serving.GracefulStop()
			return
		default:
			log.Fatalf("no such command: %q", asked.Op)
		}
	}
}

func say(output *json.Encoder, answered any) {
	if err := output.Encode(answered); err != nil {
		log.Fatalf("standard output: %v", err)
	}
}

func (told command) failure() error {
	if len(told.Details) == 0 {
		return status.Error(told.Code, told.Text)
	}
	var detailed spb.Status
	if err := proto.Unmarshal(told.Details, &detailed); err != nil {
		log.Fatalf("details: %v", err)
	}
	return status.ErrorProto(&detailed)
}

func (s *server) handle(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	s.lock.Lock()
	told, known := s.answers[path]
	came, _ := metadata.FromIncomingContext(stream.Context())
	s.seen[path] = seen{Calls: s.seen[path].Calls + 1, Metadata: raw.FromMetadata(came)}
	s.lock.Unlock()
	if !known {
		return status.Errorf(codes.Unimplemented, "not told what %s answers", path)
	}
	stream.SetTrailer(raw.ToMetadata(told.Trailers))
	if told.Code != codes.OK {
		return told.failure()
	}
	return stream.SendMsg(&told.Message)
}
