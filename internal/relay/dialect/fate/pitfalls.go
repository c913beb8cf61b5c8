package fate

// Pitfall is a mistake that gateways make, and what is done here in its place. Each has a golden case that names it, as
// (pitfall N), or a test elsewhere.
type Pitfall struct {
	Number int
	Says   string
	// Where is the file of the test and its name, where no golden case shows it: what is shown is not a matter of one translation.
	Where string
}

// Pitfalls lists them, in the order of the documentation.
func Pitfalls() []Pitfall {
	return []Pitfall{
		{1, "Answers of several tools become one user turn of Messages, before its text.", ""},
		{2, "The same at Converse.", ""},
		{3, "Neighbouring turns of one role become one, in the order of their blocks.", ""},
		{4, "A history that begins with the assistant gets a first user turn, and loses none.", ""},
		{5, "An instruction in the middle stays where it stood, as tagged text where the model knows no such role.", ""},
		{6, "The developer's first item of a Responses input is the system prompt.", ""},
		{7, "Claude Code's second message, of the role system, stays one in its place.", ""},
		{8, "A vendor that knows no instruction in the middle of a conversation gets it as tagged text of the user.", ""},
		{9, "Arguments that are an empty text are an empty object.", ""},
		{10, "A call without arguments has {} as its arguments, also in a stream that says nothing of them.", ""},
		{11, "Numbers in arguments keep all of their digits.", ""},
		{12, "Ids of calls that a vendor refuses are made fit for it, and stay the client's own towards the client.", ""},
		{13, "Ids of calls are nine letters and digits for Mistral, the same for the same call.", ""},
		{14, "Two ids that would become the same one stay two.", ""},
		{15, "Calls in a stream are numbered among calls, not among all blocks.", ""},
		{16, "Where a vendor's pieces of two calls alternate, one block streams and the other waits.", ""},
		{17, "Id and name that a vendor repeats with each piece are told once.", ""},
		{18, "An empty list of calls beside a text is no call.", ""},
		{19, "Calls in one piece and without an index are numbered as they arrive.", ""},
		{20, "A call of Gemini's whose stream says STOP later ends as a call.", ""},
		{21, "Gemini's arguments, which are objects, keep the order of their keys.", ""},
		{22, "Gemini's calls without ids get one each; answers without ids belong to calls by name and order.", ""},
		{23, "What a tool answers Gemini is an object: texts and lists are wrapped, objects stay.", ""},
		{24, "The first call of a step whose signature is lost gets Gemini's stand-in, with a warning.", ""},
		{25, "A signature on Gemini's empty last text is kept and goes back to where it was.", ""},
		{26, "A thought without words but with a signature is a thought.", ""},
		{27, "Redacted thoughts go to every client format and come back.", ""},
		{28, "When the model changes in mid-conversation, signatures of the other vendor are dropped and nothing of them is seen.", ""},
		{29, "DeepSeek's thoughts go back with the calls behind them, from the vault where the client lost them; turns without calls have none.", ""},
		{30, "A budget of thoughts stays below the bound on the answer.", ""},
		{31, "A model without sampling parameters gets none: a warning, or a refusal for strict clients.", ""},
		{32, "A forced call of a model that cannot be forced is refused by name; a lenient client gets a free choice.", ""},
		{33, "Without a bound on the answer Anthropic gets the catalogue's, and long answers are streamed by the relay.", ""},
		{34, "Rules of a schema that Anthropic does not know become words.", ""},
		{35, "Schemas with references, constants and null pass to Gemini as JSON Schema.", ""},
		{36, "A form that is asked for by a forced tool comes back as text that ends with stop.", ""},
		{37, "Probabilities are refused by name where there are none; Gemini's come with their bytes.", ""},
		{38, "Several answers of Gemini's stream by their index, each with its end, and one usage.", ""},
		{39, "A stop string of white space is refused before Anthropic does.", ""},
		{40, "A stop string that was met is a stop; which one it was is told where the vendor says it.", ""},
		{41, "Pictures at addresses are fetched for vendors that take bytes, from public addresses only, also behind a redirection.", "internal/relayapi/fetch_test.go TestFetchedMedia"},
		{42, "Pictures have the type that their bytes say.", ""},
		{43, "Names of documents at Converse are made fit and unique, and a text stands beside them.", ""},
		{44, "A history of calls without tools gets tools that stand for them at Converse.", ""},
		{45, "Names of models with slashes and colons are escaped once in the address and twice where it is signed.", "internal/relay/upstream/clouds_test.go TestSignedRequests"},
		{46, "An exception in a binary stream is an error in the client's format, without a mark of the end.", ""},
		{47, "Converse's usage behind the stop is waited for.", ""},
		{48, "Azure's first chunk without choices passes to OpenAI's clients and is nothing to others.", ""},
		{49, "Azure's late chunk without a delta gets an empty one.", ""},
		{50, "A usage that the client did not ask for is asked for, billed and hidden.", ""},
		{51, "Of usages on several chunks the last one counts.", ""},
		{52, "What was written to a cache is part of the prompt in OpenAI's formats.", ""},
		{53, "What was read from a cache is not part of the input in Anthropic's.", ""},
		{54, "Gemini's thoughts are part of the answer in OpenAI's formats.", ""},
		{55, "A client that leaves stops the upstream at once, and what had come is billed as an estimate.", "internal/relayapi/faults_test.go TestClientLeaves"},
		{56, "A stream that breaks off is an error, never an end.", ""},
		{57, "An error inside a stream of status 200 is one.", ""},
		{58, "However a stream is cut into pieces, its events are the same.", "internal/relay/sse/reader_test.go TestEvents"},
		{59, "A prompt that Gemini does not let in is an answer that was filtered, with its usage.", ""},
		{60, "What nobody knows yet is not told to clients of other formats, and passes to those of the same; an end for an unknown reason has a warning.", ""},
	}
}
