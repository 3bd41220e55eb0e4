use super::*;

/// An executor that remembers why it was told that it ends.
#[derive(Default)]
struct Told(Vec<String>);

impl Listener<Callback> for Told {
    fn tell(&mut self, callback: Callback) -> Result<(), String> {
        if let Callback::Error(message) = callback {
            self.0.push(message);
        }
        Ok(())
    }
}

impl Executor for Told {
    fn halt(&mut self) {}
}

#[test]
fn what_comes_of_a_stream_that_was_left_ends_no_driver() {
    let environment = Environment::read(|name| {
        Some(match name {
            "MESOS_FRAMEWORK_ID" => "f".to_owned(),
            "MESOS_EXECUTOR_ID" => "e".to_owned(),
            "MESOS_AGENT_ENDPOINT" => "localhost:5051".to_owned(),
            _ => return None,
        })
    });
    let environment = environment.unwrap();
    let (tell, news) = channel();
    let work = Arc::new(Work {
        connection: environment.connection(),
        state: Mutex::new(State {
            session: Session::new(&environment),
            subscription: None,
            stream: 1,
        }),
        environment,
        speaking: Mutex::new(()),
        tell: tell.clone(),
    });
    for (stream, why) in [(0, "it is not known any more"), (1, "it is refused")] {
        tell.send(News::Failed(stream, why.to_owned())).unwrap();
    }
    let driver = Arc::new(ExecutorDriver::new());
    driver.life.start(|| Ok(()));
    let mut told = Told::default();
    driver.tell_all(&work, &news, &mut told);
    assert_eq!(told.0, ["it is refused"]);
    assert_eq!(driver.life.status(), Status::Aborted);
}
