use crate::FakeApi;
use crate::contract::CHECKS;

#[tokio::test(start_paused = true)]
async fn the_contract_holds() {
    for (name, check) in CHECKS {
        eprintln!("{name}");
        let api = FakeApi::new();
        check(api.client(), "default".to_owned()).await;
    }
}
