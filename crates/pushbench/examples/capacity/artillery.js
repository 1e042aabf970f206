// A channel for each virtual user: artillery's variables are drawn at random, and hold no such number. It shares the users
// out among a worker thread less than the machine has cores, which cannot be set; so each worker has channels of its own.
const { threadId } = require("node:worker_threads");

// The server has so many.
const CHANNELS = 1024;
let next = threadId * @CONNECTIONS@;

module.exports = {
  ownChannel(connection, _context, done) {
    connection.target += `?channel=${next++ % CHANNELS}&after=0`;
    done();
  },
};
