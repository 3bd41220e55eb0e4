//! `libmesos.so`: what frameworks on the JVM load as Mesos's native library, on Mesos's v1 HTTP API.
//!
//! Apache Spark 3.5 and others bring the Java half of Mesos's drivers with them, such as the class
//! `org.apache.mesos.MesosSchedulerDriver`, and expect the native half in the library that
//! `MESOS_NATIVE_JAVA_LIBRARY` names. This is one, without Mesos:
//!
//! ```text
//! Java ─► natives ─► driver ─► connection ─► POST /api/v1/scheduler
//! Java ◄─ java ◄─ driver (its thread) ◄─ session ◄─ connection (its thread) ◄─ the stream of events
//! ```
//!
//! - [`natives`] are the functions that Java calls, [`java`] is how messages and callbacks cross.
//! - [`driver`] is one scheduler driver, [`executor`] one executor driver, [`v1`] the connection of a
//!   scheduler that speaks the v1 API itself; [`life`] is what they share: a status, and threads.
//! - [`session`] decides what an event means; it does no IO and knows no JVM.
//! - [`connection`] is HTTP; [`address`] reads where to; [`spark`] what Spark does not pass on.
//!
//! The messages of Java's old API and of the v1 API have the same bytes: only names differ.
//! Source: Apache Mesos 1.11, `src/java/jni`, `src/sched/sched.cpp`, `docs/scheduler-http-api.md`.

// What knows nothing of the others.
mod address;
mod log;
mod session;
mod spark;

// What all drivers share: the way to the master, a status and threads.
mod connection;
mod life;

// Drivers of each kind.
mod driver;
mod executor;
mod v1;

// How drivers call Java.
mod java;

// What Java calls.
mod natives;
