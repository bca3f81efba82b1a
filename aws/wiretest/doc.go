// Package wiretest holds tests only: AWS's own clients against our codec and
// our HTTP server, over every operation that they know.
//
// Each client sends an input with random contents; an echo behind
// [berth/aws/protocol] compares what arrived with what was sent and answers a
// random output, which the client's reading is compared with. Each error of the
// models must become its exception. A slip in a name, a time's form or a list's
// shape shows here without a line of test for the operation. What operations
// mean is not this package's business.
package wiretest
