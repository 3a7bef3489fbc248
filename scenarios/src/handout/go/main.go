// A node. HANDOUT.md says what it is told, what it may do, and what it is to become in five stages.
//
// As it is, it keeps to the protocol and refuses everybody.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Node is a server in one life: a crash takes all of this away, but not what it saved.
type Node struct {
	me      string
	peers   []string
	saved   map[string]json.RawMessage // What earlier lives saved, by key.
	seed    int64                      // For timeouts: rand.New(rand.NewSource(seed)), and no other randomness.
	nowUs   int64                      // Your clock. There is no other: a run has to be the same when it is made again.
	actions []action
}

// Body is what is said: a JSON object with a "type". Make structs of your own for what your nodes say to each other.
type Body map[string]any

// What you can do ----------------------------------------------------------------------------------------------------

// Send says something to a node or a client, at once.
func (n *Node) Send(dest string, body any) {
	n.actions = append(n.actions, action{Src: n.me, Dest: dest, Body: body})
}

// SendAfterSave says something when all that was saved so far is durable.
func (n *Node) SendAfterSave(dest string, body any) {
	n.actions = append(n.actions, action{Src: n.me, Dest: dest, Body: body, AfterSave: true})
}

// Arm arms a timer; if it is armed already, it starts anew.
func (n *Node) Arm(name string, afterUs int64) {
	n.Send("sim", Body{"type": "timer", "name": name, "after_us": afterUs})
}

// Save replaces what the disk holds under this key. All saves of a turn become durable together.
func (n *Node) Save(key string, value any) {
	n.Send("sim", Body{"type": "save", "key": key, "value": value})
}

// Report tells the grader what you do, as in Report(Body{"type": "role", "role": "leader", "term": 3}): see HANDOUT.md.
func (n *Node) Report(body Body) {
	n.Send("sim", body)
}

// What happens to you ------------------------------------------------------------------------------------------------

func (n *Node) onStart() {
	// Stage 1, election: begin as a follower. Draw a random timeout and arm a timer with it.
	// Stage 3, persistence: begin with the term, the vote and the log in n.saved.
	// Stage 4, snapshots: begin with the state in the snapshot.
}

func (n *Node) onTimer(name string) {
	// Stage 1, election: nobody leads, so stand for a new term. A leader sends heartbeats from here.
}

func (n *Node) onSaved(save int64) {
	// Stage 3, persistence: everything through the save with this number is durable. A leader's own copy of an entry
	// counts from here on.
}

func (n *Node) onMessage(source, kind string, body json.RawMessage) {
	// Another node said something: the "type" of the body is yours to choose, and here it is kind.
	// Stage 1, election: requests for votes, and votes.
	// Stage 2, replication: entries from the leader, and answers to them.
	// Stage 4, snapshots: a snapshot from the leader.
}

func (n *Node) onRequest(client string, request Request) {
	// Stage 2, replication: the leader puts the request into its log.
	// Stage 5, key/value service: when it is committed, apply it, once however often it was asked, and answer.
	n.Send(client, Body{"type": "error", "in_reply_to": request.MsgID, "code": 11, "text": "nobody leads yet"})
}

// The protocol -------------------------------------------------------------------------------------------------------

// Request is what a client asks.
type Request struct {
	Type              string  `json:"type"`
	MsgID             int64   `json:"msg_id"`
	Key               string  `json:"key"`
	Value             string  `json:"value,omitempty"`
	From              *string `json:"from,omitempty"`
	To                string  `json:"to,omitempty"`
	CreateIfNotExists bool    `json:"create_if_not_exists,omitempty"`
}

type event struct {
	Src   string          `json:"src"`
	Body  json.RawMessage `json:"body"`
	NowUs int64           `json:"now_us"`
	Turn  int64           `json:"turn"`
}

type action struct {
	Src       string `json:"src"`
	Dest      string `json:"dest"`
	Body      any    `json:"body"`
	AfterSave bool   `json:"after_save,omitempty"`
}

// What the simulator says.
type simulator struct {
	Type    string                     `json:"type"`
	NodeID  string                     `json:"node_id"`
	NodeIDs []string                   `json:"node_ids"`
	Seed    int64                      `json:"seed"`
	Saved   map[string]json.RawMessage `json:"saved"`
	Name    string                     `json:"name"`
	Save    int64                      `json:"save"`
}

func (n *Node) turn(event event) {
	n.nowUs = event.NowUs
	switch {
	case event.Src == "sim":
		var told simulator
		read(event.Body, &told)
		switch told.Type {
		case "init":
			n.me, n.saved, n.seed = told.NodeID, told.Saved, told.Seed
			n.peers = slices.DeleteFunc(told.NodeIDs, func(name string) bool { return name == n.me })
			n.onStart()
		case "timer":
			n.onTimer(told.Name)
		case "saved":
			n.onSaved(told.Save)
		}
	case slices.Contains(n.peers, event.Src):
		var typed struct {
			Type string `json:"type"`
		}
		read(event.Body, &typed)
		n.onMessage(event.Src, typed.Type, event.Body)
	default:
		var request Request
		read(event.Body, &request)
		n.onRequest(event.Src, request)
	}
	n.Send("sim", Body{"type": "done", "turn": event.Turn})
}

func read(text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		fmt.Fprintf(os.Stderr, "this is not what was expected: %v: %s\n", err, text)
		os.Exit(1)
	}
}

func main() {
	node := &Node{}
	input := bufio.NewReader(os.Stdin)
	output := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(output)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var event event
		read(line, &event)
		node.turn(event)
		for _, action := range node.actions {
			if err := encoder.Encode(action); err != nil {
				fmt.Fprintf(os.Stderr, "this cannot be said: %v\n", err)
				os.Exit(1)
			}
		}
		output.Flush()
		node.actions = nil
	}
}
